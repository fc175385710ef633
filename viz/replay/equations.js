"use strict";
// One step in words: its phase, its chain rule in symbols and numbers, and a remark. Names are data:
// they are only ever written as text.

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
    const { role, unnamed, name, data } = trace.nodes[parent];
    return role === "constant" && unnamed ? shortNumber(data) : name;
  });
}

function described(event) {
  const node = trace.nodes[event.node];
  if (event.phase === "start") return describedStart();
  if (event.phase === "forward") return describedForward(node);
  if (event.phase === "seed") return describedSeed();
  return describedBackward(event, node);
}

function describedStart() {
  const leaves = trace.nodes.filter((node) => !node.parents.length).length;
  const known = leaves === 1 ? "1 leaf is known" : `${leaves} leaves are known`;
  const text = `${known}: inputs, parameters, constants.`;
  const hint = "Arrow keys step, space plays. Select a node to see its history and its path to the output.";
  return { phase: "Start", symbols: [text], text, remark: hint };
}

function describedForward(node) {
  const { formula } = trace.ops[node.op];
  const names = expression(node, formula, namesOf(node).map((name) => shortName(name)));
  const operands = node.parents.map((parent) => factor(trace.nodes[parent].data));
  const numbers = expression(node, formula, operands).replace(/\(\((−[^()]+)\)\)/g, "($1)");
  const result = shortNumber(node.data);
  return {
    phase: `Forward, ${node.computedAt} of ${trace.seedAt - 1}${insideOf(node)}`,
    symbols: [
      ...[shortName(node.name, 26), sign("="), names, sign("="), numbers],
      ...[sign("="), styled(result, "result")],
    ],
    text: `${node.name} = ${names} = ${numbers} = ${result}`,
    remark: `${node.op}: ${formula}`,
  };
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
  const [up, by] = [factor(event.upstream), factor(event.partial)];
  const [contribution, after] = [shortNumber(event.contribution), shortNumber(event.after)];
  const rule = localRule(node, trace.ops[node.op].partials, event.place, namesOf(node));
  const number = shortNumber(event.partial);
  const local = [number, ""].includes(rule.replaceAll("-", "−")) ? number : `${rule} = ${number}`;
  const symbols = [
    ...[fraction(parent.name), sign("+="), styled(fraction(node.name), "upstream"), sign("·")],
    ...[styled(fraction(parent.name, node.name), "partial"), sign("="), styled(up, "upstream")],
    ...[sign("×"), styled(by, "partial"), sign("="), styled(contribution, "result")],
  ];
  const chain = `${derivative(loss, node.name)} * ${derivative(node.name, parent.name)}`;
  const equation = `${derivative(loss, parent.name)} += ${chain} = ${up} * ${by} = ${contribution}`;
  const sum = `${shortNumber(event.before)} + ${factor(event.contribution)} = ${after}`;
  const together = event.before === 0 ? "" : `; together ${sum}`;
  const complete = trace.isGradComplete(parent, position) ? "; this gradient is complete" : "";
  return {
    phase: `Backward, ${position - trace.seedAt} of ${trace.last - trace.seedAt}${insideOf(node)}`,
    symbols,
    text: equation,
    remark: `Local derivative of ${node.op}: ${local}${together}${complete}.`,
  };
}

/** The neuron that a step is about, where its box alone does not tell what happens in it. */
function insideOf(node) {
  return scene.isCollapsed(node.index) ? `, inside ${scene.groupOf[node.index].name}` : "";
}
