"use strict";
// Where everything stands: neurons that are expanded are laid out by themselves, each in its frame,
// and the frames among the other boxes. An arrow is a list of curves [from, control, control, to].

const FRAME = { pad: 10, title: 24, row: 12 };

/** Inside a frame, everything is as large as on the first level. */
const WITHIN = { arrows: 70, box: 14, bend: 10 };

/** The same as `arrange`, with arrows that lead down; only where no neuron is in a frame. */
function arrangeDown(items, links, isRoomy, level) {
  const lying = items.map((item) => ({ ...item, size: { width: item.size.height, height: item.size.width } }));
  const { corners, curves, width, height } = arrange(lying, links, isRoomy, level);
  const turned = ({ x, y }) => ({ x: y, y: x });
  return {
    corners: corners.map(turned),
    curves: curves.map((pieces) => pieces.map((points) => points.map(turned))),
    frames: [],
    width: height,
    height: width,
  };
}

/** Returns {corners: of the items, curves: of the links, frames: [{group, x, y, width, height}], width, height}. */
function arrange(items, links, isRoomy, level) {
  const blocks = blocksOf(items, links, isRoomy);
  const blockOf = new Map();
  blocks.forEach((block, index) => block.items.forEach((item) => blockOf.set(item, index)));
  const ends = ({ from, to }) => ({ from: blockOf.get(items[from]), to: blockOf.get(items[to]) });
  const outer = links.filter((link) => ends(link).from !== ends(link).to);
  const { gaps } = LEVELS[level];
  // Between collapsed neurons the number of the current arrow needs room beside its boxes.
  const more = level === "full" ? (isRoomy ? 6 : 0) + (items.some(({ kind }) => kind === "group") ? 12 : 0) : 0;
  const room = { ...gaps, column: gaps.column + more };
  const { centers, routes, width, height } = layOut(blocks, outer.map(ends), room);
  const corners = new Array(items.length);
  const curves = new Map();
  const frames = [];
  blocks.forEach((block, index) => {
    const x = centers[index].x - block.width / 2;
    const y = centers[index].y - block.height / 2;
    block.items.forEach((item, place) => {
      corners[item.index] = { x: x + block.places[place].x, y: y + block.places[place].y };
    });
    for (const [link, pieces] of block.curves) curves.set(link, moved(pieces, x, y));
    if (block.group) {
      frames.push({ group: block.group, x, y, width: block.width, height: block.height });
    }
  });
  outer.forEach((link, index) => {
    const [from, to] = [corners[link.from], corners[link.to]];
    const [source, target] = [items[link.from].size, items[link.to].size];
    const points = [...routes[index]];
    points[0] = { x: from.x + source.width, y: from.y + source.height / 2 };
    const { y } = points.at(-1);
    const isBeside = y > to.y && y < to.y + target.height;
    const inwards = curves.get(link);
    if (inwards) points.splice(-2, 2, { x: points.at(-1).x, y: inwards[0][0].y }, inwards[0][0]);
    else if (points.at(-1).x < to.x) points.push({ x: to.x, y: isBeside ? y : to.y + target.height / 2 });
    curves.set(link, [...sideways(points), ...(inwards ?? [])]);
  });
  return { corners, curves: links.map((link) => curves.get(link)), frames, width, height };
}

/** What the columns consist of: a frame with all boxes of an expanded neuron, or one box. */
function blocksOf(items, links, isRoomy) {
  const members = new Map();
  for (const item of items) {
    const key = item.kind !== "group" && item.group ? item.group : item;
    if (!members.has(key)) members.set(key, []);
    members.get(key).push(item);
  }
  const blocks = [...members].map(([key, inside]) => {
    if (key.size) {
      const isNeuron = key.kind === "group";
      return { ...key.size, isNeuron, items: inside, places: [{ x: 0, y: 0 }], curves: [] };
    }
    return { group: key, isNeuron: true, ...frameOf(inside, links, isRoomy) };
  });
  return blocks.sort((one, other) => one.items.at(-1).index - other.items.at(-1).index);
}

function frameOf(items, links, isRoomy) {
  const within = new Map(items.map((item, place) => [item.index, place]));
  const inner = links.filter(({ from, to }) => within.has(from) && within.has(to));
  const isLeaf = (item) => item.node.parents.length === 0;
  const leaves = items.filter(isLeaf);
  const fed = new Set(inner.filter(({ from }) => leaves.includes(items[within.get(from)])).map(({ to }) => to));
  const inGrid = fed.size === 1 && leaves.length > 0;
  const grid = gridOf(inGrid ? leaves : [], isRoomy);
  const rest = inGrid ? items.filter((item) => !isLeaf(item)) : items;
  const outside = links.filter(({ from, to }) => !within.has(from) && within.has(to));
  const sources = inGrid ? [] : [...new Set(outside.map(({ from }) => from))];
  const ports = sources.map(() => ({ width: 0, height: 0, isPort: true }));
  const placeOf = new Map(sources.map((source, place) => [source, place]));
  rest.forEach((item, place) => placeOf.set(item.index, ports.length + place));
  const among = [...inner, ...outside].filter(({ from, to }) => placeOf.has(from) && placeOf.has(to));
  const ends = among.map(({ from, to }) => ({ from: placeOf.get(from), to: placeOf.get(to) }));
  const below = layOut([...ports, ...rest.map(({ size }) => size)], ends, { ...WITHIN, column: isRoomy ? 50 : 28 });

  const width = Math.max(grid.width, below.width) + 2 * FRAME.pad;
  const left = width - FRAME.pad - below.width;
  const top = FRAME.title + grid.height;
  const height = top + below.height + FRAME.pad;
  const places = new Array(items.length);
  rest.forEach((item, place) => {
    const { x, y } = below.centers[ports.length + place];
    places[within.get(item.index)] = {
      x: left + x - item.size.width / 2,
      y: top + y - item.size.height / 2,
    };
  });
  const curves = among.map((link, at) => [link, moved(sideways(below.routes[at]), left, top)]);
  if (inGrid) {
    leaves.forEach((item, place) => (places[within.get(item.index)] = grid.places[place]));
    const into = within.get([...fed][0]);
    const drops = inner.filter(({ from }) => isLeaf(items[within.get(from)]));
    const dropped = drops.map(({ from }) => grid.drops[leaves.indexOf(items[within.get(from)])]);
    curves.push(...dropsInto({ ...places[into], ...items[into].size }, drops, dropped));
  }
  const entered = items.find(({ index }) => outside.some(({ to }) => to === index));
  const middle = (item) => places[within.get(item.index)].y + item.size.height / 2 - height / 2;
  const entry = entered ? middle(entered) : 0;
  return { items, places, curves, width, height, entry, exit: middle(items.at(-1)), room: LEVELS.full.node.height };
}

/** The leaves of a neuron in rows; an arrow from one goes down in the space between two columns. */
function gridOf(leaves, isRoomy) {
  const count = leaves.length;
  if (!count) return { width: 0, height: 0, places: [], drops: [] };
  const width = Math.max(...leaves.map(({ size }) => size.width));
  const { height } = LEVELS.full.node;
  const columns = count <= 2 ? count : Math.max(2, Math.ceil(Math.sqrt(1.2 * count)));
  const rows = Math.ceil(count / columns);
  const gutter = isRoomy ? (rows > 1 ? 48 : 24) : 16;
  const bottom = FRAME.title + rows * (height + FRAME.row) - FRAME.row;
  const places = [];
  const drops = [];
  for (let index = 0; index < count; index++) {
    const [row, column] = [Math.floor(index / columns), index % columns];
    const x = FRAME.pad + column * (width + gutter);
    const y = FRAME.title + row * (height + FRAME.row);
    places.push({ x, y });
    const isLast = index + columns >= count;
    const isLeft = column > 0; // the side on which its arrow leaves it
    const across = x + (isLeft ? -gutter : width) + (gutter * (isLeft ? 2 : 1)) / 3;
    const start = { x: isLeft ? x : x + width, y: y + height / 2 };
    const under = { x: isLast ? x + width / 2 : across, y: isLast ? y + height : bottom };
    const turn = { x: across, y: y + height / 2 + 14 };
    const bend = [start, { x: across, y: start.y }, { x: across, y: start.y }, turn];
    drops.push(isLast ? { curves: [], under } : { curves: [bend, straight(turn, under)], under });
  }
  const gap = isRoomy ? 34 : 26;
  return { width: columns * (width + gutter) - gutter, height: bottom - FRAME.title + gap, places, drops };
}

/** The arrows from the leaves into the top of the box that uses them, side by side. */
function dropsInto(box, links, drops) {
  const order = links.map((_, at) => at).sort((one, other) => drops[one].under.x - drops[other].under.x);
  const step = Math.min(12, (box.width - 24) / links.length);
  return order.map((at, rank) => {
    const { curves, under } = drops[at];
    const middle = box.x + box.width / 2;
    const end = { x: middle + (rank - (links.length - 1) / 2) * step, y: box.y };
    const half = (under.y + end.y) / 2;
    const last = [under, { x: under.x, y: half }, { x: end.x, y: half }, end];
    return [links[at], [...curves, last]];
  });
}

/** Curves through the points that leave and reach each of them horizontally; none of no length. */
function sideways(points) {
  const apart = points.filter(({ x, y }, at) => !at || x !== points[at - 1].x || y !== points[at - 1].y);
  return apart.slice(1).map((to, index) => {
    const from = apart[index];
    const middle = (from.x + to.x) / 2;
    return [from, { x: middle, y: from.y }, { x: middle, y: to.y }, to];
  });
}

function straight(from, to) {
  return [from, from, to, to];
}

function moved(curves, x, y) {
  return curves.map((points) => points.map((point) => ({ x: point.x + x, y: point.y + y })));
}

function pathOf(curves) {
  const at = ({ x, y }) => `${round(x)} ${round(y)}`;
  return curves.map(([from, one, two, to], index) => {
    return `${index ? "" : `M${at(from)}`}C${at(one)} ${at(two)} ${at(to)}`;
  }).join("");
}

function pointOn([from, one, two, to], t) {
  const s = 1 - t;
  const along = (axis) =>
    s * s * s * from[axis] + 3 * s * s * t * one[axis] + 3 * s * t * t * two[axis] + t * t * t * to[axis];
  return { x: along("x"), y: along("y") };
}

function round(number) {
  return Math.round(number * 10) / 10;
}
