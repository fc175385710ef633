"use strict";
// Elements, numbers and colors. What comes from data is only ever set as text, never as markup.

const byId = (id) => document.getElementById(id);

/** An element with attributes, properties that begin with "on", and content. */
function made(kind, attributes = {}, ...content) {
  const element = document.createElement(kind);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...content);
  return element;
}

/** Write a text only where it is another one: the browser then has nothing to do. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A number with so many digits that count; what is no number (nan, infinite) is said. */
function shown(number, digits = 4, keepsZeros = false) {
  if (number === null || number === undefined || !Number.isFinite(number)) return "not finite";
  const size = Math.abs(number);
  const text = size !== 0 && (size < 1e-3 || size >= 1e6) ? number.toExponential(digits - 1).replace(keepsZeros ? "" : /\.?0*(?=e)/, "") : String(Number(number.toPrecision(digits)));
  return text.replace(/^-/, "−").replace(/e\+?(-?)(\d+)$/, (_, sign, power) => `e${sign ? "−" : ""}${power}`);
}

/** The name of a feature or column as books write it: x1*x2 is x₁x₂. */
function written(name) {
  if (!/^(x\d+(\^2)?|x\d+\*x\d+|sin\(x\d+\))$/.test(name)) return name;
  return name.replace(/x(\d+)/g, (_, digits) => `x${subscript(digits)}`).replace("^2", "²").replace("*", "");
}

/** A number of always so many digits, which does not jump while it changes. */
function steady(number) {
  const size = Math.abs(number ?? NaN);
  return size >= 1e-3 && size < 1e4 ? number.toPrecision(4).replace(/^-/, "−") : shown(number, 4, true);
}

/** A share of 1 in percent, to a tenth, and not 100 unless it is all. */
function percent(share, digits = 1) {
  if (share === null || share === undefined) return "";
  const rounded = Math.round(1000 * share) / 10;
  return `${(share < 1 && rounded === 100 ? 99.9 : rounded).toFixed(digits)} %`;
}

/** The fewest digits that tell a number of single precision from its neighbors. */
function single(number) {
  for (let digits = 1; digits < 9; digits++) {
    const text = number.toPrecision(digits);
    if (Math.fround(Number(text)) === number) return Number(text);
  }
  return Number(number.toPrecision(9));
}

/** A text of at most that many letters, its middle left out. */
function shortened(text, limit) {
  const letters = [...text];
  if (letters.length <= limit) return text;
  const half = Math.floor((limit - 1) / 2);
  return `${letters.slice(0, limit - 1 - half).join("")}…${letters.slice(letters.length - half).join("")}`;
}

/** A color of the style sheet as its three parts. */
function colorOf(name) {
  const text = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  return [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
}

/** A canvas of that many pixels of the page, sharp on any screen; its pen, scaled. */
function penOf(canvas, width, height) {
  const ratio = Math.min(devicePixelRatio || 1, 2);
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across;
    canvas.height = down;
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}

/** Round numbers for an axis, about so many of them. */
function ticksOf(low, high, count) {
  const rough = (high - low) / Math.max(count, 1);
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
  const ticks = [];
  for (let at = Math.ceil(low / step); at * step <= high + 1e-9 * step; at++) ticks.push(Number((at * step).toPrecision(12)));
  return ticks;
}

/** Say something where the person looks, and to a screen reader; it stays until it is closed. */
function notice(text, isError = false) {
  byId("notice").hidden = !text;
  byId("notice").classList.toggle("error", isError);
  write(byId("notice-text"), text);
}

/** Say something to a screen reader alone. */
function whisper(text) {
  write(byId("live"), text);
}
