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

/** The derivative along an arrow; null from a constant, which has none. */
function derivativeAlong(trace, { uses }, source, target) {
  const known = uses.filter(({ child, place }) => {
    return !trace.nodes[trace.nodes[child].parents[place]].constant;
  });
  if (!known.length) return null;
  if (target.kind === "group") return target.group.through.get(source.node.index).derivative;
  const [{ child, place }] = known;
  return known.length === 1 ? trace.nodes[child].partials[place] : source.group.several.get(child);
}
