"use strict";
// One box: a node, a plain number, or a neuron. A level says how much stands in it: everything; name
// and numbers; all on one line; the name alone. So the whole graph can be in view and be read.

const LEVELS = {
  full: {
    readable: 0.82, // the zoom below which its letters would be too small
    letters: 12.5,
    gaps: { column: 44, arrows: 70, box: 14, bend: 10 },
    node: { width: 108, height: 60 },
    chip: { width: 62, height: 28 },
    group: { width: 176, height: 60 },
    widest: 136,
  },
  tile: {
    readable: 0.9,
    letters: 12.5,
    gaps: { column: 34, arrows: 30, box: 9, bend: 7 },
    node: { width: 98, height: 53 },
    chip: { width: 52, height: 24 },
    group: { width: 98, height: 53 },
    widest: 120,
  },
  row: {
    readable: 0.82,
    letters: 12.5,
    gaps: { column: 36, arrows: 34, box: 5, bend: 4 },
    node: { width: 198, height: 23 },
    chip: { width: 52, height: 23 },
    group: { width: 198, height: 23 },
    widest: 260,
  },
  card: {
    readable: 0.85,
    letters: 12,
    gaps: { column: 14, arrows: 12, box: 8, bend: 6 },
    node: { width: 64, height: 44 },
    chip: { width: 48, height: 22 },
    group: { width: 64, height: 44 },
    widest: 92,
  },
  pill: {
    readable: 0.86,
    letters: 12,
    gaps: { column: 16, arrows: 12, box: 5, bend: 3 },
    node: { width: 38, height: 20 },
    chip: { width: 38, height: 20 },
    group: { width: 38, height: 20 },
    widest: 74,
  },
};
const TABLE = { row: 15, most: 6, columns: 2 }; // of the weights in the box of a neuron

/** A box with a long name is somewhat wider than others. */
function sizeOf(item) {
  const { kind, node, group, level } = item;
  const { width, height } = LEVELS[level][kind];
  if (kind === "chip") return { width: Math.max(width, Math.ceil(widthOf(node.data.shown, 13) + 14)), height };
  if (kind === "group" && level === "full") return { width, height: height + tableHeight(group) };
  const beside = { full: 17, tile: 15, row: 162, card: 12, pill: 13 }[level];
  const symbol = isSmall(level) ? 0 : widthOfSymbol(node, kind);
  const wanted = symbol + widthOfRuns(headOf(item), LEVELS[level].letters, 600) + beside;
  return { width: Math.min(Math.max(width, Math.ceil(wanted)), LEVELS[level].widest), height };
}

function isSmall(level) {
  return level === "card" || level === "pill";
}

/** What a box is called on it: of a small one without a name, its operation. */
function headOf({ kind, node, group, level }) {
  if (kind === "group") return group.runs;
  if (isSmall(level) && node.unnamed && node.parents.length) return [[node.symbol, "c"]];
  return runsInside(node, group);
}

function widthOfSymbol({ parents, symbol }, kind = "node") {
  if (!parents.length || kind === "group") return 0;
  return widthOf(symbol, symbol.length > 2 ? 11.5 : 14, 700) + 6;
}

/** "w.1" for "layers.0.neurons.3.w.1", next to others of its neuron. */
function runsInside({ runs }, group) {
  const [[text, kind]] = runs;
  const isPath = kind === "c" && runs.length === 1 && group && text.startsWith(`${group.code}.`);
  return isPath ? [[text.slice(group.code.length + 1), kind]] : runs;
}

/** The parameters of a neuron that its box shows as a table, weights first. */
function tableOf({ parameters }) {
  return parameters.length <= TABLE.most ? parameters : parameters.slice(0, TABLE.most - 1);
}

function tableHeight({ parameters }) {
  return parameters.length ? Math.ceil(Math.min(parameters.length, TABLE.most) / TABLE.columns) * TABLE.row + 8 : 0;
}

/** The drawing of a box, without its numbers. */
function drawnItem(item) {
  const { node, kind, level, x, y, width, height } = item;
  const element = drawn("g", {
    id: `n${node.index}`,
    transform: `translate(${x} ${y})`,
    role: "button",
    tabindex: -1,
  });
  element.append(drawn("title"));
  const round = { full: 9, tile: 8, row: 7, card: 7, pill: 7 }[level];
  if (kind === "group") {
    const apart = { full: 6, tile: 4, row: 2.5, card: 2.5, pill: 2 }[level];
    element.append(drawn("rect", { class: "sheet", x: apart, y: apart, width, height, rx: round + 2 }));
    element.setAttribute("aria-expanded", "false");
  }
  const halo = level === "full" ? 5 : 3;
  element.append(
    drawn("rect", { class: "halo", x: -halo, y: -halo, width: width + 2 * halo, height: height + 2 * halo, rx: round + 4 }),
    drawn("rect", { class: "box", width, height, rx: kind === "chip" ? height / 2 : round }),
  );
  element.append(...(kind === "chip" ? [drawnNumber("data", width / 2, height / 2 + 4.5, "middle")] : TEXTS[level](item)));
  return element;
}

/** Where a click on a number edits it. */
function leafOf({ leaf, index }) {
  return leaf === undefined ? {} : { "data-leaf": index };
}

function drawnNumber(look, x, y, anchor = "end") {
  return drawn("text", { class: look, x: round(x), y: round(y), "text-anchor": anchor });
}

function drawnKey(text, x, y) {
  return drawn("text", { class: "key", x, y }, text);
}

/** Name and operation on the first line of a box. */
function drawnHead(item, y, room = item.width - 16) {
  const { node, kind, level, width } = item;
  const size = LEVELS[level].letters;
  const symbol = kind === "node" && node.parents.length ? node.symbol : "";
  const runs = fittedRuns(headOf(item), room - widthOfSymbol(node, kind), size, 600);
  const isRight = symbol && level !== "row";
  const x = isRight ? width - 8 : 8 + (symbol ? widthOfSymbol(node) : 0);
  const anchor = isRight ? { "text-anchor": "end" } : {};
  const look = node.unnamed && kind === "node" ? "head muted" : "head";
  const parts = [drawnRuns(runs, size, { class: look, x, y, ...anchor })];
  if (symbol) parts.push(drawn("text", { class: symbol.length > 2 ? "symbol long" : "symbol", x: 8, y }, symbol));
  return parts;
}

const TEXTS = {
  full(item) {
    const { node, kind, group, width } = item;
    const parts = drawnHead(item, 18, kind === "group" ? width - 36 : width - 16);
    if (kind === "group") {
      const left = 14 + widthOfRuns(group.runs, 12.5, 600);
      const right = width - 30;
      const formula = fitted(group.formula, right - left, 11);
      if (right - left > 24) parts.push(drawn("text", { class: "formula", x: right, y: 18, "text-anchor": "end" }, formula));
    }
    parts.push(drawnKey("data", 8, 36), drawnNumber("data value", width - 8, 36));
    if (!node.constant) parts.push(drawnKey("grad", 8, 52), drawnNumber("grad value", width - 8, 52));
    if (kind === "group") parts.push(...drawnTable(item));
    return parts;
  },
  tile(item) {
    const { node, width } = item;
    const parts = [...drawnHead(item, 17, width - 14), drawnKey("data", 7, 33), drawnNumber("data value", width - 6, 33)];
    if (!node.constant) parts.push(drawnKey("grad", 7, 47), drawnNumber("grad value", width - 6, 47));
    return parts;
  },
  row(item) {
    const { node, width } = item;
    const parts = [...drawnHead(item, 16, width - 158), drawnNumber("data value", width - 82, 16)];
    if (!node.constant) parts.push(drawnNumber("grad value", width - 8, 16));
    return parts;
  },
  card(item) {
    const { node, width } = item;
    const parts = [...this.pill(item), drawnNumber("data value", width / 2, 27, "middle")];
    if (!node.constant) parts.push(drawnNumber("grad value", width / 2, 40, "middle"));
    return parts;
  },
  pill(item) {
    const runs = fittedRuns(headOf(item), item.width - 6, 12, 600);
    return [drawnRuns(runs, 12, { class: "head", x: item.width / 2, y: 14, "text-anchor": "middle" })];
  },
};

/** The weights of a neuron that is one box, below its numbers. */
function drawnTable({ group, node, width }) {
  const { parameters } = group;
  if (!parameters.length) return [];
  const top = LEVELS.full.group.height;
  const parts = [drawn("path", { class: "rule", d: `M8 ${top}H${width - 8}` })];
  const column = (width - 16 + 10) / TABLE.columns;
  const shown = tableOf(group);
  const at = (index) => ({ x: 8 + (index % TABLE.columns) * column, y: top + 14 + Math.floor(index / TABLE.columns) * TABLE.row });
  shown.forEach((parameter, index) => {
    const { x, y } = at(index);
    const number = trace.nodes[parameter].data.shown;
    const called = runsInside(trace.nodes[parameter], group).filter(([, kind]) => kind !== "p"); // the head says the layer
    const runs = fittedRuns(called, column - 14 - widthOf(number, 11), 11);
    parts.push(
      drawnRuns(runs, 11, { class: "key", x, y }),
      drawn("text", { class: "weight-value", x: round(x + column - 10), y, "text-anchor": "end", ...leafOf(trace.nodes[parameter]) }, number),
    );
  });
  const more = parameters.length - shown.length;
  if (more) parts.push(drawn("text", { class: "key", ...at(shown.length) }, `${more} more`));
  return parts;
}
