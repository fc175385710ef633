"use strict";
// The panel about the selected node: its exact numbers, its history, its whole path to the output.

function select(index) {
  if (index === null && trace.isEditable) edits.open = null;
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
  const top = made("div", { class: "top" }, made("h2", {}, writtenRuns(node.runs)), close);
  const [data, grad] = [trace.dataAt(node, position), trace.gradAt(node, position)];
  const content = [top];
  if (node.runs.length > 1 || node.runs[0][0] !== node.code) content.push(made("p", { class: "code" }, node.code));
  content.push(made("p", {}, node.parents.length ? `${node.op}: ${node.formula}` : node.role));
  const isField = node.leaf !== undefined && !scene.isCollapsed(selected);
  content.push(isField ? edits.numberOf(node) : made("p", { id: "exact-data" }, `data = ${data?.exact ?? "not computed yet"}`));
  const none = node.frozen ? "none: frozen" : node.constant ? "none: a constant" : "not computed yet";
  content.push(made("p", { id: "exact-grad" }, `grad = ${grad?.exact ?? none}`));
  if (trace.isEditable) content.push(...edits.rest(node, group));
  if (group) content.push(toggleOf(group));
  content.push(made("h3", {}, "History"), historyOf(node));
  if (!trace.asked) content.push(made("h3", {}, "The whole path to ", writtenRuns(trace.nodes[trace.root].runs)), ...productsOf(node));
  const before = document.activeElement?.dataset?.keep;
  byId("details").replaceChildren(...content);
  if (before) byId("details").querySelector(`[data-keep="${before}"]`)?.focus();
}

function toggleOf(group) {
  const isCollapsed = scene.collapsed.has(group);
  const text = isCollapsed ? "Expand " : "Collapse ";
  const button = made("button", { type: "button", "data-keep": "toggle" }, text, writtenRuns(group.runs));
  button.addEventListener("click", () => toggle(group));
  return button;
}

function historyOf(node) {
  const entries = [];
  if (node.parents.length) entries.push([node.computedAt, `data = ${node.data.shown}`]);
  if (node.index === trace.root) entries.push([trace.seedAt, "grad = 1 (seed)"]);
  for (const { at, after } of node.gradients) {
    const { contribution, from } = trace.events[at];
    const source = writtenRuns(trace.nodes[from].runs);
    entries.push([at, `${factor(contribution)} from `, source, `, grad = ${after.shown}`]);
  }
  const list = made("ol");
  const told = trace.asked ? entries.filter(([at]) => at < position) : entries;
  for (const [at, ...text] of told) {
    const button = made("button", { type: "button", "data-keep": `at${at}` }, `${nameOf(at)}: `, ...text);
    if (at === position) button.classList.add("now");
    button.addEventListener("click", () => visit(at));
    list.append(made("li", {}, button));
  }
  if (!told.length && entries.length) list.append(made("li", {}, "It is asked for, or comes later."));
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
  const blocks = paths.map((path, at) => {
    let by = node;
    const symbols = path.map(({ child }) => {
      const step = fraction(by, trace.nodes[child]);
      by = trace.nodes[child];
      return step;
    });
    const factors = path.map(({ child, place }) => factor(trace.nodes[child].partials[place])).reverse();
    const chain = factors.length > 1 ? `${factors.join(" · ")} ≈ ` : "";
    const block = made("div", { class: "product" }, made("div", { class: "chain" }, ...between(symbols.reverse(), node)));
    block.append(made("div", {}, `= ${chain}${node.paths[at].shown}`));
    return block;
  });
  const more = count - BigInt(paths.length);
  const sum = fraction(node);
  if (more > 0n) blocks.push(made("p", {}, `and ${more} more; `, sum, ` is the sum over all ${count}.`));
  else if (count > 1n) blocks.push(made("p", {}, sum, ` is the sum of the ${count}.`));
  return blocks;
}

/** The derivatives of a path with a sign between them; of the output, that by itself. */
function between(symbols, node) {
  if (!symbols.length) return [fraction(node)];
  return symbols.flatMap((symbol, at) => (at ? [" · ", symbol] : [symbol]));
}
