"use strict";
// Numbers, names and formulas as text, and how much room a text takes.

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

/** Four decimals, or four digits where x is very small or large, as the step log writes numbers. */
function shortNumber(x) {
  if (Number.isNaN(x)) return "nan";
  const size = Math.abs(x);
  const minus = x < 0 || Object.is(x, -0) ? "−" : "";
  if (size === Infinity) return `${minus}inf`;
  if (size === 0) return `${minus}0`;
  if (size >= 0.01 && size < 10000) return minus + withoutZeros(inDecimals(size, 4));
  const [mantissa, exponent] = size.toExponential(3 + SPARE).split("e");
  const isFull = halfToEven(mantissa) === "10.000";
  const rounded = isFull ? "1.000" : halfToEven(mantissa);
  const power = Number(exponent) + (isFull ? 1 : 0);
  if (power >= -4 && power < 4) return minus + withoutZeros(inDecimals(size, 3 - power));
  return `${minus}${withoutZeros(rounded)}e${String(power).replace("-", "−")}`;
}

const SPARE = 40; // digits beyond those that are shown, enough to tell a tie from anything else

function inDecimals(size, digits) {
  return halfToEven(size.toFixed(digits + SPARE));
}

/** The text without its spare digits, rounded as Python rounds: a tie goes to the even digit. */
function halfToEven(exact) {
  const kept = exact.slice(0, -SPARE);
  const rest = exact.slice(-SPARE);
  const isUp = /^50*$/.test(rest) ? /[13579]$/.test(kept) : rest >= "5";
  if (!isUp) return kept;
  const point = kept.length - 1 - kept.indexOf(".");
  const digits = String(BigInt(kept.replace(".", "")) + 1n).padStart(point + 1, "0");
  return `${digits.slice(0, -point)}.${digits.slice(-point)}`;
}

function withoutZeros(text) {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** The symbol of a derivative; a name that is more than one word stands in brackets. */
function derivative(output, by, d = "d") {
  return `${d}${bracketed(output)}/${d}${bracketed(by)}`;
}

function bracketed(name) {
  return /^[\p{L}\p{N}_]+$/u.test(name) ? name : `(${name})`;
}

function factor(x) {
  const text = shortNumber(x);
  return text.startsWith("−") ? `(${text})` : text;
}

/** Whether numbers as written give the product as written, within the rounding of its last digit. */
function productSign(factors, result) {
  const [shown, ...written] = [result, ...factors].map((x) => Number(shortNumber(x).replaceAll("−", "-")));
  const apart = Math.abs(written.reduce((product, x) => product * x, 1) - shown);
  return apart > 0.501 * lastDigit(result) ? "≈" : "="; // what is not finite is not apart
}

function lastDigit(x) {
  if (x === 0 || (Math.abs(x) >= 0.01 && Math.abs(x) < 10000)) return 1e-4;
  return 10 ** (Number(x.toExponential(3).split("e")[1]) - 3);
}

/** The number to its last digit. */
function exactNumber(x) {
  return Object.is(x, -0) ? "-0" : String(x);
}

const INFIX = { neg: "−x", square: "x²", reciprocal: "1 / x", abs: "|x|", sqrt: "√x" };
const MOST_OPERANDS = 6; // of a sum, or of a function of a list

/** The operation of a node applied to `operands`, texts of names or numbers. */
function expression(node, formula, operands) {
  if (node.op === "dot" || node.op === "sum") return sumOf(termsOf(node, operands));
  if (operands.length === 1) return filledIn(INFIX[node.op] ?? `${node.op}(x)`, operands);
  if (formula.includes("...")) return callOf(node, operands);
  const alone = formula.replace(/, [^()]*$/, ""); // without a remark such as ", b a plain number"
  return filledIn(typeset(alone), operands);
}

function callOf(node, operands) {
  return `${node.op}(${withDots(operands).join(", ")})`;
}

function termsOf({ op }, operands) {
  if (op !== "dot") return operands;
  const half = Math.floor(operands.length / 2);
  const products = operands.slice(0, half).map((w, index) => {
    return `${enclosed(w)} · ${enclosed(operands[half + index])}`;
  });
  return operands.length % 2 ? [...products, operands.at(-1)] : products;
}

function sumOf(terms) {
  return withDots(terms).map((term) => (term.startsWith("−") ? `(${term})` : term)).join(" + ");
}

function withDots(texts) {
  if (texts.length <= MOST_OPERANDS) return texts;
  return [...texts.slice(0, MOST_OPERANDS - 2), "…", texts.at(-1)];
}

/** A formula of the table of operations with the signs of this page. */
function typeset(formula) {
  return formula.replaceAll(" * ", " · ").replaceAll("-", "−").replace(/\^2\b/g, "²");
}

/** The formula with operands for its letters; in brackets, but for arguments that stand alone,
 * and for numbers that stand beside no sign of arithmetic. */
function filledIn(formula, operands) {
  const byLetter = { x: operands[0] };
  [..."abcpqrst"].forEach((letter, place) => (byLetter[letter] = operands[place]));
  return formula.replace(/\b[abcpqrstx]\b/g, (letter, at) => {
    const text = byLetter[letter] ?? letter;
    const [before, after] = [formula.slice(0, at), formula.slice(at + 1)];
    if (/(^|[(,|] ?)$/.test(before) && /^([),|]|$)/.test(after)) return text;
    const apart =
      /(^|[(,|<>=]|\bif|\belse) ?$/.test(before) && /^ ?([),|<>=]|if\b|else\b|$)/.test(after);
    return apart && /^−?(inf|[\d.]+(e−?\d+)?)$/.test(text) ? text : enclosed(text);
  });
}

/** In brackets unless it is one name or one number without a sign. */
function enclosed(text) {
  return /^([\p{L}\p{N}_.#…]|(?<=\de)−(?=\d))+$/u.test(text) ? text : `(${text})`;
}

/** The local derivative of a node by its operand at `place`, as a formula in the operands' names. */
function localRule(node, rules, place, operands) {
  if (node.op === "dot") {
    const half = Math.floor(operands.length / 2);
    if (place >= 2 * half) return "1";
    return operands[place < half ? place + half : place - half];
  }
  if (node.op === "logsumexp") return `exp(${enclosed(operands[place])} − ${enclosed(shortName(node.name))})`;
  const isOneForAll = rules.length < operands.length;
  const rule = typeset((rules[isOneForAll ? 0 : place] ?? "").replace(" (a plain number)", ""));
  return filledIn(rule, isOneForAll ? [operands[place]] : operands);
}
