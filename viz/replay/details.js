"use strict";
// The panel about the selected node: its exact numbers, its history, its whole path to the output.

function select(index) {
  selected = index;
  scene.select(index);
  scene.show(position);
  byId("details").hidden = index === null;
  if (index === null) return;
  focusNode(index, false);
  showDetails();
  if (isNarrow.matches) byId("details").scrollIntoView({ block: "nearest" });
}

function showDetails() {
  const node = trace.nodes[selected];
  const group = scene.groupOf[selected];
  const close = made("button", { type: "button", "aria-label": "Close" }, "×");
  close.addEventListener("click", () => {
    select(null);
    focusNode(focused, true);
  });
  const top = made("div", { class: "top" }, made("h2", {}, node.name), close);
  const [data, grad] = [trace.dataAt(node, position), trace.gradAt(node, position)];
  const content = [top];
  const meaning = node.parents.length ? `${node.op}: ${typeset(trace.ops[node.op].formula)}` : node.role;
  content.push(made("p", {}, meaning));
  content.push(made("p", { id: "exact-data" }, `data = ${data === null ? "not computed yet" : exactNumber(data)}`));
  const none = node.frozen ? "none: frozen" : node.constant ? "none: a constant" : "not computed yet";
  content.push(made("p", { id: "exact-grad" }, `grad = ${grad === null ? none : exactNumber(grad)}`));
  if (group) content.push(toggleOf(group));
  content.push(made("h3", {}, "History"), historyOf(node));
  content.push(made("h3", {}, `The whole path to ${shortName(loss)}`), ...productsOf(node));
  const before = document.activeElement?.dataset?.keep;
  byId("details").replaceChildren(...content);
  if (before) byId("details").querySelector(`[data-keep="${before}"]`)?.focus();
}

function toggleOf(group) {
  const isCollapsed = scene.collapsed.has(group);
  const text = `${isCollapsed ? "Expand" : "Collapse"} ${group.name}`;
  const button = made("button", { type: "button", "data-keep": "toggle" }, text);
  button.addEventListener("click", () => toggle(group));
  return button;
}

function historyOf(node) {
  const entries = [];
  if (node.parents.length) entries.push([node.computedAt, `data = ${shortNumber(node.data)}`]);
  if (node.index === trace.root) entries.push([trace.seedAt, "grad = 1 (seed)"]);
  for (const { at, after } of node.gradients) {
    const { contribution, from } = trace.events[at];
    const source = shortName(trace.nodes[from].name);
    entries.push([at, `${factor(contribution)} from ${source}, grad = ${shortNumber(after)}`]);
  }
  const list = made("ol");
  for (const [at, text] of entries) {
    const button = made("button", { type: "button", "data-keep": `at${at}` }, `${nameOf(at)}: ${text}`);
    if (at === position) button.classList.add("now");
    button.addEventListener("click", () => visit(at));
    list.append(made("li", {}, button));
  }
  if (!entries.length) list.append(made("li", {}, "Known from the start; no gradient reaches it."));
  return list;
}

function nameOf(at) {
  if (at === trace.seedAt) return "seed";
  return at < trace.seedAt ? `forward ${at}` : `backward ${at - trace.seedAt}`;
}

function productsOf(node) {
  const paths = trace.somePathsFrom(node.index, 4);
  const { count } = trace.pathsFrom(node.index);
  const blocks = paths.map((path) => {
    let from = node.name;
    const partials = path.map(({ child, place }) => trace.nodes[child].partials[place]);
    const symbols = path.map(({ child }) => {
      const step = derivative(trace.nodes[child].name, from, "∂");
      from = trace.nodes[child].name;
      return step;
    });
    partials.reverse();
    const product = partials.reduce((value, partial) => value * partial, 1);
    const chain = `${partials.map(factor).join(" × ")} ${productSign(partials, product)} `;
    const numbers = `${partials.length > 1 ? chain : ""}${shortNumber(product)}`;
    const names = symbols.reverse().join(" · ") || derivative(loss, loss, "∂");
    const block = made("div", { class: "product" }, made("div", {}, names));
    block.append(made("div", {}, `= ${numbers}`));
    return block;
  });
  const more = count - BigInt(paths.length);
  const of = derivative(loss, node.name, "∂");
  if (more > 0n) blocks.push(made("p", {}, `and ${more} more; ${of} is the sum over all ${count}.`));
  else if (count > 1n) blocks.push(made("p", {}, `${of} is the sum of the ${count}.`));
  return blocks;
}
