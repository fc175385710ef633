"use strict";
// Which steps can be seen. While a neuron is one box, what happens inside of it has no arrow: those
// steps are passed over, and an arrow stands for the whole way through the neuron.

/** The positions at which something that is drawn happens, in order. */
function stopsOf(trace, scene) {
  const stops = [];
  const insides = new Map(); // group -> the last position at which one of its parameters receives
  trace.events.forEach(({ phase, node, from, place }, position) => {
    const item = scene.itemOf[node];
    if (phase === "forward") {
      if (item.node.index === node) stops.push(position);
    } else if (phase === "backward" && item === scene.itemOf[from]) {
      if (!trace.nodes[node].parents.length) insides.set(item.group, position);
    } else if (phase !== "backward") {
      stops.push(position);
    } else if (scene.linkOf.get(`${from}/${place}`).lastFlow === position) stops.push(position);
  });
  const all = new Set([...stops, ...insides.values(), trace.last]);
  return [...all].sort((one, other) => one - other);
}

/** The derivative of a neuron's output by each of its nodes, those inside of it included. */
function derivativesWithin(trace, group) {
  const by = new Map([[group.head, 1]]);
  for (const member of [...group.members].reverse()) {
    const { parents, partials } = trace.nodes[member];
    parents.forEach((parent, place) => {
      by.set(parent, (by.get(parent) ?? 0) + by.get(member) * partials[place]);
    });
  }
  return by;
}

/** The derivative along an arrow; null from a constant, which has none. */
function derivativeAlong(trace, { uses }, withinOf) {
  const known = uses.filter(({ child, place }) => {
    return !trace.nodes[trace.nodes[child].parents[place]].constant;
  });
  if (!known.length) return null;
  const parts = known.map(({ child, place }) => {
    const { partials } = trace.nodes[child];
    return partials[place] * (withinOf(child)?.get(child) ?? 1);
  });
  return parts.reduce((sum, part) => sum + part);
}

/** The local derivatives from a neuron's output down to one use, or null where there are more ways. */
function wayThrough(trace, group, { child, place }) {
  const inside = new Set(group.members);
  const factors = [trace.nodes[child].partials[place]];
  for (let at = child; at !== group.head; ) {
    const uses = trace.nodes[at].uses.filter((use) => inside.has(use.child));
    if (uses.length !== 1) return null;
    factors.unshift(trace.nodes[uses[0].child].partials[uses[0].place]);
    at = uses[0].child;
  }
  return factors;
}
