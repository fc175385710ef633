"use strict";
// One step in words: its phase, its chain rule in symbols and numbers, and a remark. Names are data:
// they are only ever written as text.

const LONGEST_EQUATION = 240; // of names and numbers; in a longer one the names give way
const NAME_LIMITS = [22, 12]; // letters of a name, tried in this order
const MOST_GRADIENTS = 4;

const byId = (id) => document.getElementById(id);

function made(kind, attributes = {}, ...content) {
  const element = document.createElement(kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...content);
  return element;
}

function fraction(by, of = loss) {
  const top = made("span", {}, `∂${shortName(of, 26)}`);
  return made("span", { class: "fraction" }, top, made("span", {}, `∂${shortName(by, 26)}`));
}

function styled(element, name) {
  const whole = typeof element === "string" ? made("span", {}, element) : element;
  whole.classList.add(name);
  return whole;
}

function sign(text) {
  return made("span", { class: "sign" }, text);
}

/** The name of a node, or the number itself; next to nodes of its neuron it needs no path. */
function operandName(index, limit, group = null) {
  const { constant, unnamed, name, data } = trace.nodes[index];
  return constant && unnamed ? shortNumber(data) : shortName(nameInside(name, group), limit);
}

function described(event) {
  const node = trace.nodes[event.node];
  if (event.phase === "start") return describedStart();
  if (event.phase === "seed") return describedSeed();
  const item = scene.itemOf[event.node];
  if (event.phase === "forward") {
    return item.kind === "group" ? describedNeuron(node, item.group) : describedForward(node);
  }
  const source = scene.itemOf[event.from];
  if (source.kind !== "group") return describedBackward(event, node);
  return source === item ? describedInside(item.group) : describedThrough(event, node, source.group);
}

function describedStart() {
  const leaves = trace.nodes.filter((node) => !node.parents.length).length;
  const known = leaves === 1 ? "1 leaf is known" : `${leaves} leaves are known`;
  const text = `${known}: inputs, parameters, constants.`;
  const remark = "Arrow keys step, space plays, and a node that you select tells its history; ? says more.";
  return { phase: "Start", symbols: [text], text, remark };
}

function describedForward(node) {
  const { formula } = trace.ops[node.op];
  const written = (textOf) => expression(node, formula, node.parents.map(textOf));
  return equated(node, written, scene.groupOf[node.index], `${node.op}: ${typeset(formula)}`);
}

/** The forward step of a neuron that is one box: its whole formula at once. */
function describedNeuron(node, group) {
  return equated(node, (textOf) => composed(node, group, textOf), group, `${group.name}: ${group.formula}`);
}

/** `written` gives the formula of the node with a text for each operand. */
function equated(node, written, group, remark) {
  const result = shortNumber(node.data);
  const numbers = written((index) => shortNumber(trace.nodes[index].data));
  const room = LONGEST_EQUATION - numbers.length;
  const tries = NAME_LIMITS.map((limit) => written((index) => operandName(index, limit, group)));
  const names = tries.find(({ length }) => length <= room);
  return {
    phase: `Forward, ${node.computedAt} of ${trace.seedAt - 1}`,
    symbols: [
      ...[shortName(node.name, 26), sign("="), ...(names ? [names, sign("=")] : []), numbers],
      ...[sign("="), styled(result, "result")],
    ],
    text: `${node.name} = ${written((index) => operandName(index))} = ${numbers} = ${result}`,
    remark,
  };
}

/** The formula of a neuron down to what comes into it from outside and to its leaves. */
function composed(node, group, textOf) {
  const { formula } = trace.ops[node.op];
  const isInside = (index) => trace.nodes[index].parents.length > 0 && group.members.includes(index);
  const textInside = (index) => (isInside(index) ? composed(trace.nodes[index], group, textOf) : textOf(index));
  const isSum = ({ op }) => op === "add" || op === "sum" || op === "dot";
  const terms = (sum) => {
    if (sum.op === "dot") return termsOf(sum, sum.parents.map(textInside));
    return sum.parents.flatMap((index) => {
      return isInside(index) && isSum(trace.nodes[index]) ? terms(trace.nodes[index]) : textInside(index);
    });
  };
  if (isSum(node)) return sumOf(terms(node));
  const operands = node.parents.map(textInside);
  return formula.includes(" if ") ? callOf(node, operands) : expression(node, formula, operands);
}

function describedSeed() {
  return {
    phase: "Backward, seed",
    symbols: [styled(fraction(loss), "upstream"), sign("="), styled("1", "result")],
    text: `${derivative(loss, loss)} = 1`,
    remark: "The output changes with itself one to one; from here gradients flow back to the leaves.",
  };
}

function describedBackward(event, parent) {
  const node = trace.nodes[event.from];
  const names = node.parents.map((index) => operandName(index));
  const rule = localRule(node, trace.ops[node.op].partials, event.place, names);
  const number = shortNumber(event.partial);
  const local = [number, ""].includes(rule) ? number : `${rule} = ${number}`;
  return chained(parent, node, event, `Local derivative of ${node.op}: ${local}`);
}

/** A gradient on its way through a neuron that is one box, all uses of the parent at once. */
function describedThrough(event, parent, group) {
  const head = trace.nodes[group.head];
  const link = scene.linkOf.get(`${event.from}/${event.place}`);
  const flows = trace.flowsOf(link.uses).map((at) => trace.events[at]);
  const through = {
    upstream: trace.gradAt(head, position),
    partial: link.derivative,
    contribution: flows.reduce((sum, { contribution }) => sum + contribution, 0),
    before: flows[0].before,
    after: event.after,
  };
  const factors = link.uses.length === 1 ? wayThrough(trace, group, link.uses[0]) : null;
  const number = shortNumber(link.derivative);
  const way = factors?.length > 1 ? `${factors.map(factor).join(" × ")} ${productSign(factors, link.derivative)} ${number}` : number;
  return chained(parent, head, through, `Derivative of ${group.name}, ${group.formula}: ${way}`);
}

/** What a neuron that is one box leaves at its own parameters. */
function describedInside(group) {
  const leaves = group.members.map((member) => trace.nodes[member]);
  const parameters = leaves.filter((node) => !node.parents.length && !node.constant);
  const gradients = parameters.map((node) => [node, shortNumber(trace.gradAt(node, position))]);
  const symbols = gradients.slice(0, MOST_GRADIENTS).map(([node, grad]) => {
    const by = fraction(nameInside(node.name, group));
    return made("span", { class: "fact" }, by, sign("="), styled(grad, "result"));
  });
  const more = gradients.length - MOST_GRADIENTS;
  if (more > 0) symbols.push(sign(`and ${more} more`));
  const texts = gradients.map(([node, grad]) => `${derivative(loss, node.name)} = ${grad}`);
  return {
    phase: `${counted()}, inside ${group.name}`,
    symbols,
    text: texts.join(", "),
    remark: `The gradients of the parameters of ${group.name}; expand it to see their steps.`,
  };
}

/** The chain rule of a step from `node` to its operand, in symbols and numbers. */
function chained(parent, node, numbers, local) {
  const [up, by] = [factor(numbers.upstream), factor(numbers.partial)];
  const [contribution, after] = [shortNumber(numbers.contribution), shortNumber(numbers.after)];
  const equals = productSign([numbers.upstream, numbers.partial], numbers.contribution);
  const symbols = [
    ...[fraction(parent.name), sign("+="), styled(fraction(node.name), "upstream"), sign("·")],
    ...[styled(fraction(parent.name, node.name), "partial"), sign("="), styled(up, "upstream")],
    ...[sign("×"), styled(by, "partial"), sign(equals), styled(contribution, "result")],
  ];
  const chain = `${derivative(loss, node.name)} * ${derivative(node.name, parent.name)}`;
  const sum = `${shortNumber(numbers.before)} + ${factor(numbers.contribution)} = ${after}`;
  const together = numbers.before === 0 ? "" : `; together ${sum}`;
  const complete = trace.isGradComplete(parent, position) ? "; this gradient is complete" : "";
  return {
    phase: counted(),
    symbols,
    text: `${derivative(loss, parent.name)} += ${chain} = ${up} * ${by} ${equals} ${contribution}`,
    remark: `${local}${together}${complete}.`,
  };
}

function counted() {
  return `Backward, ${position - trace.seedAt} of ${trace.last - trace.seedAt}`;
}
