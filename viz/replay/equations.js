"use strict";
// One step in words: its phase, its chain rule in symbols and numbers, and a remark. Names are data:
// they are only ever written as text.

const LONGEST_EQUATION = 150; // of names and numbers; a longer one is written with names alone
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

function namesOf(node) {
  return node.parents.map((parent) => {
    const { constant, unnamed, name, data } = trace.nodes[parent];
    return constant && unnamed ? shortNumber(data) : name;
  });
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
  const names = expression(node, formula, namesOf(node).map((name) => shortName(name)));
  const operands = node.parents.map((parent) => factor(trace.nodes[parent].data));
  const numbers = expression(node, formula, operands).replace(/\(\((−[^()]+)\)\)/g, "($1)");
  return equated(node, names, numbers, `${node.op}: ${formula}`);
}

/** The forward step of a neuron that is one box: its whole formula at once. */
function describedNeuron(node, group) {
  const nameOf = (index) => shortName(namesOf({ parents: [index] })[0]);
  const names = composed(node, group, nameOf);
  const numbers = composed(node, group, (index) => factor(trace.nodes[index].data));
  return equated(node, names, numbers, `${group.name}: ${group.formula}`);
}

function equated(node, names, numbers, remark) {
  const result = shortNumber(node.data);
  const isShort = names.length + numbers.length < LONGEST_EQUATION;
  return {
    phase: `Forward, ${node.computedAt} of ${trace.seedAt - 1}`,
    symbols: [
      ...[shortName(node.name, 26), sign("="), ...(isShort ? [names, sign("="), numbers] : [names])],
      ...[sign("="), styled(result, "result")],
    ],
    text: `${node.name} = ${names} = ${numbers} = ${result}`,
    remark,
  };
}

/** The formula of a neuron down to what comes into it from outside and to its leaves. */
function composed(node, group, textOf) {
  const { formula } = trace.ops[node.op];
  const isCall = /^\w+\(/.test(expression(node, formula, node.parents.map(String)));
  const operands = node.parents.map((parent) => {
    const inner = trace.nodes[parent];
    if (!inner.parents.length || !group.members.includes(parent)) return textOf(parent);
    const text = composed(inner, group, textOf);
    return isCall || node.op === "add" || node.op === "sum" || inner.op === "mul" ? text : `(${text})`;
  });
  return expression(node, formula, operands).replace(/\(\((−[^()]+)\)\)/g, "($1)");
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
  const rule = localRule(node, trace.ops[node.op].partials, event.place, namesOf(node));
  const number = shortNumber(event.partial);
  const local = [number, ""].includes(rule.replaceAll("-", "−")) ? number : `${rule} = ${number}`;
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
