"use strict";
// What happens at each position of the slider: 0 is the start, then one position for each forward
// step, one for the seed dL/dL = 1, one for each backward step. All numbers come from the engine.

class Trace {
  constructor(recorded) {
    this.nodes = recorded.nodes.map((node, index) => ({ ...node, index, ...this.numbers(node) }));
    this.ops = recorded.ops;
    this.root = this.nodes.length - 1;
    this.events = [{ phase: "start", node: this.root }];
    for (const node of this.nodes) {
      node.computedAt = 0;
      node.gradients = [];
      node.uses = [];
      if (node.parents.length) {
        node.computedAt = this.events.length;
        this.events.push({ phase: "forward", node: node.index });
      }
    }
    for (const node of this.nodes) {
      node.parents.forEach((parent, place) => {
        this.nodes[parent].uses.push({ child: node.index, place });
      });
    }
    this.seedAt = this.events.length;
    this.flows = this.nodes.map((node) => node.parents.map(() => Infinity));
    this.events.push({ phase: "seed", node: this.root });
    for (const [index, place, ...numbers] of recorded.steps) this.addStep(index, place, numbers);
    this.last = this.events.length - 1;
  }

  numbers(node) {
    return { data: Number(node.data), partials: node.partials.map(Number) };
  }

  addStep(index, place, numbers) {
    const [upstream, contribution, before, after] = numbers.map(Number);
    const node = this.nodes[index];
    const parent = this.nodes[node.parents[place]];
    parent.gradients.push({ at: this.events.length, after });
    this.flows[index][place] = this.events.length;
    this.events.push({
      phase: "backward",
      node: parent.index,
      from: index,
      place,
      partial: node.partials[place],
      upstream,
      contribution,
      before,
      after,
    });
  }

  /** The position at which the gradient passes from a node to its operand at `place`. */
  flowedAt(node, place) {
    return this.flows[node][place];
  }

  /** The number in a box at a position, or null where it is not known yet. */
  dataAt(node, position) {
    return position >= node.computedAt ? node.data : null;
  }

  /** Gradients are unknown until the backward phase starts; then they add up from 0. */
  gradAt(node, position) {
    if (position < this.seedAt) return null;
    let grad = node.index === this.root ? 1 : 0;
    for (const { at, after } of node.gradients) {
      if (at > position) break;
      grad = after;
    }
    return grad;
  }

  isGradComplete(node, position) {
    return position >= (node.gradients.at(-1)?.at ?? this.seedAt);
  }

  /** The nodes that `node` reaches on its way to the output, with the number of paths from each. */
  pathsFrom(index) {
    const counts = new Map([[this.root, 1n]]);
    for (let at = this.root; at >= index; at--) {
      if (at === this.root) continue;
      let count = 0n;
      for (const { child } of this.nodes[at].uses) count += counts.get(child) ?? 0n;
      if (count) counts.set(at, count);
    }
    const reached = new Set([index]);
    for (let at = index; at <= this.root; at++) {
      if (reached.has(at)) for (const { child } of this.nodes[at].uses) reached.add(child);
    }
    return { reached, count: counts.get(index) ?? 0n };
  }

  /** Up to `limit` whole paths to the output: lists of {child, place}. */
  somePathsFrom(index, limit) {
    const found = [];
    const stack = [{ at: index, path: [] }];
    while (stack.length && found.length < limit) {
      const { at, path } = stack.pop();
      if (at === this.root) found.push(path);
      for (const use of [...this.nodes[at].uses].reverse()) {
        stack.push({ at: use.child, path: [...path, use] });
      }
    }
    return found;
  }
}

/** Four decimals, or four digits where x is very small or large, as the step log writes numbers. */
function shortNumber(x) {
  if (Number.isNaN(x)) return "nan";
  const size = Math.abs(x);
  const minus = x < 0 || Object.is(x, -0) ? "−" : "";
  if (size === Infinity) return `${minus}inf`;
  if (size === 0) return `${minus}0`;
  if (size >= 0.01 && size < 10000) return minus + withoutZeros(inDecimals(size, 4));
  const [mantissa, power] = size.toExponential(3 + SPARE).split("e");
  const rounded = halfToEven(mantissa);
  if (rounded === "10.000") return shortNumber(Number(`${minus ? "-" : ""}1e${Number(power) + 1}`));
  if (power >= -4 && power < 4) return minus + withoutZeros(inDecimals(size, 3 - power));
  return `${minus}${withoutZeros(rounded)}e${power.replace("+", "").replace("-", "−")}`;
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

function shortName(name, limit = 22) {
  const letters = [...name];
  if (letters.length <= limit) return name;
  const end = Math.floor((limit - 1) / 2);
  return `${letters.slice(0, limit - 1 - end).join("")}…${letters.slice(-end).join("")}`;
}

const INFIX = { neg: "−x", square: "x²", reciprocal: "1 / x", abs: "|x|", sqrt: "√x" };
const LONGEST_SUM = 6;

/** The operation of a node applied to `operands`, texts of names or numbers. */
function expression(node, formula, operands) {
  const count = operands.length;
  if (node.op === "dot") {
    const half = Math.floor(count / 2);
    const terms = operands.slice(0, half).map((w, index) => `${w} · ${operands[half + index]}`);
    return sumOf(count % 2 ? [...terms, operands.at(-1)] : terms);
  }
  if (node.op === "sum") return sumOf(operands);
  if (count === 1) return filledIn(INFIX[node.op] ?? `${node.op}(x)`, operands);
  if (count > 3 || node.op === "logsumexp") return `${node.op}(${operands.join(", ")})`;
  return filledIn(formula.replace(", b a plain number", "").replaceAll(" * ", " · "), operands);
}

function sumOf(terms) {
  if (terms.length <= LONGEST_SUM) return terms.join(" + ");
  return [...terms.slice(0, LONGEST_SUM - 2), "…", terms.at(-1)].join(" + ");
}

function filledIn(formula, operands) {
  const byLetter = { x: operands[0], a: operands[0], b: operands[1], c: operands[2] };
  return formula.replace(/\b[abcx]\b/g, (letter) => byLetter[letter] ?? letter);
}

/** The local derivative of a node by its operand at `place`, as a formula in the operands' names. */
function localRule(node, rules, place, operands) {
  if (node.op === "dot") {
    const half = Math.floor(operands.length / 2);
    if (place >= 2 * half) return "1";
    return operands[place < half ? place + half : place - half];
  }
  if (node.op === "logsumexp") return `exp(${operands[place]} − ${node.name})`;
  const rule = (rules[Math.min(place, rules.length - 1)] ?? "").replace(" (a plain number)", "");
  return filledIn(rule.replaceAll(" * ", " · "), operands);
}
