"use strict";
// Names as letters with indices, and how much room a text takes.

const LETTERS = 'system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif';
const pen = document.createElement("canvas").getContext("2d");
const segmenter = globalThis.Intl?.Segmenter ? new Intl.Segmenter() : null;

function widthOf(text, size, weight = 400, family = LETTERS) {
  pen.font = `${weight} ${size}px ${family}`;
  return pen.measureText(text).width;
}

/** The letters as a person counts them: an emoji of several characters is one. */
function lettersOf(name) {
  return segmenter ? Array.from(segmenter.segment(name), ({ segment }) => segment) : [...name];
}

/** The name, or its start and its end where it has more letters than `limit`. */
function shortName(name, limit = 22) {
  if (name.length <= limit) return name;
  const letters = lettersOf(name);
  if (letters.length <= limit) return name;
  const end = Math.floor((limit - 1) / 2);
  return `${letters.slice(0, limit - 1 - end).join("")}…${letters.slice(-end || letters.length).join("")}`;
}

/** The name, shortened until it fits into `room` at that size of letters. */
function fitted(name, room, size, weight) {
  if (name.length < 80 && widthOf(name, size, weight) <= room) return name;
  let [low, high] = [1, Math.min(name.length, 80)];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (widthOf(shortName(name, middle), size, weight) <= room) low = middle;
    else high = middle - 1;
  }
  return low > 2 ? shortName(name, low) : "…";
}

const INDEX = { size: 0.78, sub: 0.22, sup: -0.4 }; // beside the size of the letters that it stands at
const KINDS = { i: "italic", u: "upright", b: "sub", p: "sup", c: "code" };
const SERIF = '"Times New Roman", Times, "Liberation Serif", "DejaVu Serif", serif';

/** How wide a name is: letters, and indices that are smaller. */
function widthOfRuns(runs, size, weight = 400) {
  return runs.reduce((sum, [text, kind]) => {
    const scale = kind === "b" || kind === "p" ? INDEX.size : 1;
    return sum + (kind === "c" ? widthOf(text, size, weight) : widthOf(text, scale * size, weight, SERIF));
  }, 0);
}

/** The name, as plain letters and shortened where it has not enough room. */
function fittedRuns(runs, room, size, weight) {
  if (runs.length === 1) return [[fitted(runs[0][0], room, size, weight), runs[0][1]]];
  if (widthOfRuns(runs, size, weight) <= room) return runs;
  return [[fitted(runs.map(([text]) => text).join(""), room, size, weight), "c"]];
}

/** A name in a drawing, its indices smaller and off the line. */
function drawnRuns(runs, size, attributes) {
  const element = drawn("text", attributes);
  let height = 0;
  for (const [text, kind] of runs) {
    const goal = (INDEX[KINDS[kind]] ?? 0) * size;
    const isIndex = kind === "b" || kind === "p";
    const tspan = drawn("tspan", { class: KINDS[kind], ...(goal === height ? {} : { dy: round(goal - height) }) }, text);
    if (isIndex) tspan.setAttribute("font-size", round(INDEX.size * size));
    height = goal;
    element.append(tspan);
  }
  return element;
}

/** A name in a line of text. */
function writtenRuns(runs) {
  const name = made("span", { class: "name" });
  for (const [text, kind] of runs) {
    if (kind === "c") name.append(text);
    else name.append(made({ i: "i", u: "span", b: "sub", p: "sup" }[kind], { class: KINDS[kind] }, text));
  }
  return name;
}

/** The symbol of a derivative in letters; a name that is more than one word stands in brackets. */
function derivative(output, by, d = "d") {
  return `${d}${bracketed(output)}/${d}${bracketed(by)}`;
}

function bracketed(name) {
  return /^[\p{L}\p{N}_]+$/u.test(name) ? name : `(${name})`;
}

/** A number as a factor: a negative one in brackets. */
function factor({ shown }) {
  return shown.startsWith("−") ? `(${shown})` : shown;
}
