"use strict";
// One step in words: its phase, its chain rule in symbols and numbers, and a remark. The equations come
// from the engine as parts; here they become letters. Names are data: they are only written as text.

const LONGEST_NAME = 22; // letters of a name in a formula
const LONGEST_IN_FRACTION = 26;

const byId = (id) => document.getElementById(id);

function made(kind, attributes = {}, ...content) {
  const element = document.createElement(kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...content);
  return element;
}

/** A name in a line of text, shortened where it is long. */
function writtenName(node, limit = LONGEST_NAME, group = null) {
  return writtenRuns(runsInside(node, group).map(([text, kind]) => [shortName(text, limit), kind]));
}

/** The derivative of the output, or of another node, by a node. */
function fraction(by, of = trace.nodes[trace.root]) {
  const [top, bottom] = [of, by].map((node) => made("span", {}, "∂", writtenName(node, LONGEST_IN_FRACTION)));
  return made("span", { class: "fraction" }, top, bottom);
}

/** One part of an equation, see `Trace.partsOf`. */
function writtenPart({ kind, text, node, of, by, role }, group) {
  const content = {
    name: () => writtenName(node, LONGEST_NAME, group),
    derivative: () => fraction(by, of),
    number: () => made("span", { class: "number" }, text),
    sign: () => made("span", { class: "sign" }, text),
    piece: () => text,
    word: () => text,
  }[kind]();
  if (role) content.classList.add(role);
  return content;
}

/** An equation: its formulas are lines of text, with the signs and fractions between them. */
function writtenEquation(line, group) {
  const found = [];
  let formula = null;
  for (const part of trace.partsOf(line)) {
    const written = writtenPart(part, group);
    const isApart = part.kind === "sign" || part.kind === "derivative";
    if (isApart) formula = null;
    else if (!formula) found.push((formula = made("span", { class: "formula" })));
    (isApart ? found : formula)[isApart ? "push" : "append"](written);
  }
  return found;
}

/** The same on one line of text, as a remark is. */
function writtenLine(line) {
  return trace.partsOf(line).flatMap((part) => {
    if (part.kind === "sign") return [` ${part.text} `];
    if (part.kind === "derivative") return ["∂", writtenName(part.of), "/∂", writtenName(part.by)];
    return [writtenPart(part)];
  });
}

/** The same for a screen reader, with the names of the program. */
function spoken(line) {
  const texts = trace.partsOf(line).map(({ kind, text, node, of, by }) => {
    if (kind === "name") return node.code;
    if (kind === "derivative") return derivative(of.code, by.code);
    return kind === "sign" ? ` ${text.replace("·", "*")} ` : text;
  });
  return texts.join("");
}

/**
 * What is said at a position: {phase, equation: elements, text, remark: elements}; `place`, the phase as
 * elements, where there is a name in it; `lines`, what the equation was made from, or `row`, it on one line.
 */
function described(at) {
  const event = trace.events[at];
  if (event.phase === "start") return describedStart();
  if (event.phase === "seed") return describedSeed();
  const item = scene.itemOf[event.node];
  const node = trace.nodes[event.node];
  if (event.phase === "forward") return describedForward(node, item);
  const source = scene.itemOf[event.from];
  if (source.kind !== "group") return ofLines(event.line, event.remark, counted(at));
  if (source === item) return describedInside(item.group, at);
  const { line, remark } = source.group.through.get(event.node);
  return ofLines(line, remark, counted(at));
}

function ofLines(line, remark, phase) {
  return { phase, equation: writtenEquation(line), text: spoken(line), lines: [line], remark: writtenLine(remark) };
}

function describedStart() {
  const leaves = trace.nodes.filter((node) => !node.parents.length).length;
  const known = leaves === 1 ? "1 leaf is known" : `${leaves} leaves are known`;
  const text = `${known}: inputs, parameters, constants.`;
  const remark = "Arrow keys step, space plays, and a node that you select tells its history; ? says more.";
  return { phase: "Start", equation: [text], text, remark: [remark] };
}

/** A neuron that is one box computes its whole formula at once. */
function describedForward(node, { kind, group }) {
  const isWhole = kind === "group";
  const line = isWhole ? group.line : node.line;
  return {
    phase: `Forward, ${node.computedAt} of ${trace.seedAt - 1}`,
    equation: writtenEquation(line, group),
    text: spoken(line),
    lines: [line],
    remark: isWhole ? [writtenRuns(group.runs), `: ${group.formula}`] : [`${node.op}: ${node.formula}`],
  };
}

function describedSeed() {
  const root = trace.nodes[trace.root];
  const one = made("span", { class: "number result" }, trace.seed.shown);
  return {
    phase: "Backward, seed",
    equation: [fraction(root), made("span", { class: "sign" }, "="), one],
    text: `${derivative(root.code, root.code)} = ${trace.seed.shown}`,
    row: ["∂", writtenName(root), "/∂", writtenName(root), ` = ${trace.seed.shown}`],
    remark: ["The output changes with itself one to one; from here gradients flow back to the leaves."],
  };
}

/** What a neuron that is one box leaves at its own parameters. */
function describedInside(group, at) {
  const facts = group.inside.map((line) => made("span", { class: "fact" }, ...writtenEquation(line)));
  const more = group.more ? [made("span", { class: "sign" }, `and ${group.more} more`)] : [];
  return {
    phase: `${counted(at)}, inside ${group.code}`,
    place: [`${counted(at)}, inside `, writtenRuns(group.runs)],
    equation: [...facts, ...more],
    text: group.inside.map(spoken).join(", "),
    lines: group.inside,
    remark: ["The gradients of the parameters of ", writtenRuns(group.runs), "; expand it to see their steps."],
  };
}

function counted(at) {
  return `Backward, ${at - trace.seedAt} of ${trace.last - trace.seedAt}`;
}
