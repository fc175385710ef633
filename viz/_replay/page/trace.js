"use strict";
// What happens at each position of the slider: 0 is the start, then one position for each forward
// step, one for the seed dL/dL = 1, one for each backward step. All numbers come from the engine.

class Trace {
  constructor(recorded) {
    this.numbers = recorded.numbers.split(" ").map((text) => {
      const [shown, exact = shown] = text.split("|");
      return { shown, exact };
    });
    this.forms = recorded.forms;
    this.nodes = recorded.codes.map((_, index) => this.nodeAt(recorded, index));
    for (const kind of ["unnamed", "constant", "frozen"]) {
      for (const index of recorded[kind]) this.nodes[index][kind] = true;
    }
    this.isEditable = Boolean(recorded.editable) && window.parent !== window; // somebody there to compute
    if (this.isEditable) for (const [index, leaf] of recorded.editable) this.nodes[index].leaf = leaf;
    this.groups = recorded.groups.map((group) => this.groupOf(group));
    [this.nothing, this.seed] = recorded.ends.map((place) => this.numbers[place]);
    this.root = this.nodes.length - 1;
    this.asked = null; // a number that a quiz hides: {node, isGradient}
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
    for (const step of recorded.steps) this.addStep(step);
    this.last = this.events.length - 1;
  }

  /** A number in an equation; in brackets it is -1 - its place. */
  textOf(place) {
    return place < 0 ? `(${this.numbers[-1 - place].shown})` : this.numbers[place].shown;
  }

  nodeAt(recorded, index) {
    const code = recorded.codes[index];
    const [op = "", symbol = "", formula = ""] = recorded.ops[recorded.used[index]] ?? [];
    return {
      ...{ index, code, op, symbol, formula, parents: recorded.parents[index] },
      runs: runsOf(recorded.letters[index], code),
      role: recorded.kinds[recorded.roles[index]],
      data: this.numbers[recorded.data[index]],
      partials: recorded.partials[index].map((place) => this.numbers[place]),
      paths: recorded.paths[index].map((place) => this.numbers[place]),
      line: recorded.formulas[index],
    };
  }

  /** A neuron: `through` has the derivative and the equations for each node that comes into it. */
  groupOf({ letters, through, several, ...group }) {
    const entries = through.map(([node, place, line, remark]) => {
      return [node, { derivative: this.numbers[place], line, remark }];
    });
    return {
      ...group,
      runs: runsOf(letters, group.code),
      through: new Map(entries),
      several: new Map(several.map(([node, place]) => [node, this.numbers[place]])),
    };
  }

  addStep([index, place, after, line, remark]) {
    const node = this.nodes[index];
    const parent = this.nodes[node.parents[place]];
    parent.gradients.push({ at: this.events.length, after: this.numbers[after] });
    this.flows[index][place] = this.events.length;
    this.events.push({
      ...{ phase: "backward", node: parent.index, from: index, place, line, remark },
      contribution: this.numbers[line.at(-1)], // the chain rule ends with what flows
    });
  }

  /**
   * An equation or a remark as its parts: {kind: "name", node}, {kind: "derivative", of, by},
   * {kind: "number", text}, {kind: "sign"}, {kind: "piece"}, {kind: "word"}, with roles.
   */
  partsOf([form, ...filled]) {
    const next = () => filled.shift();
    const root = this.nodes[this.root];
    return this.forms[form].map(([kind, what]) => {
      if (kind === "n") return { kind: "name", node: this.nodes[next()], role: what };
      if (kind === "g") return { kind: "derivative", of: root, by: this.nodes[next()], role: what };
      if (kind === "d") return { kind: "derivative", of: this.nodes[next()], by: this.nodes[next()], role: what };
      if (kind === "#") return { kind: "number", text: this.textOf(next()), role: what };
      return { kind: { s: "sign", p: "piece", w: "word" }[kind], text: what };
    });
  }

  /** The position at which the gradient passes from a node to its operand at `place`. */
  flowedAt(node, place) {
    return this.flows[node][place];
  }

  /** The positions at which gradients pass along some uses of a node, in order. */
  flowsOf(uses) {
    const flows = uses.map(({ child, place }) => this.flowedAt(child, place));
    return flows.filter(Number.isFinite).sort((one, other) => one - other);
  }

  isAsked({ index }, isGradient) {
    return this.asked?.node === index && this.asked.isGradient === isGradient;
  }

  /** The number in a box at a position, or null where it is not known yet. */
  dataAt(node, position) {
    if (this.isAsked(node, false)) return HIDDEN;
    return position >= node.computedAt ? node.data : null;
  }

  /**
   * Gradients are unknown until the backward phase starts; then they add up from 0. A constant
   * never has one.
   */
  gradAt(node, position) {
    if (this.isAsked(node, true)) return HIDDEN;
    if (position < this.seedAt || node.constant) return null;
    let grad = node.index === this.root ? this.seed : this.nothing;
    for (const { at, after } of node.gradients) {
      if (at > position) break;
      grad = after;
    }
    return grad;
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

/** The letters of a name: [[text, kind], ...]; one of the program is one run. */
function runsOf(letters, code) {
  return letters ? letters.split("|").map((run) => [run.slice(1), run[0]]) : [[code, "c"]];
}
