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

  /** The positions at which gradients pass along some uses of a node, in order. */
  flowsOf(uses) {
    const flows = uses.map(({ child, place }) => this.flowedAt(child, place));
    return flows.filter(Number.isFinite).sort((one, other) => one - other);
  }

  /** The number in a box at a position, or null where it is not known yet. */
  dataAt(node, position) {
    return position >= node.computedAt ? node.data : null;
  }

  /**
   * Gradients are unknown until the backward phase starts; then they add up from 0. A constant
   * never has one.
   */
  gradAt(node, position) {
    if (position < this.seedAt || node.constant) return null;
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
