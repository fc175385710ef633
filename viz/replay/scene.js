"use strict";
// The picture: boxes and arrows for what is visible now (a collapsed neuron is one box), and how
// they look at a position. Only what differs from the position before is written to the page.

const SIZES = {
  node: { width: 118, height: 62 },
  constant: { width: 66, height: 28 },
  group: { width: 152, height: 80 },
};
const MARGIN = 24;
const MOST_LABELLED_ARROWS = 60;
const MOST_FULL_ARROWS = 150;

function drawn(kind, attributes = {}, text = null) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== null) element.textContent = text;
  return element;
}

class Scene {
  constructor(trace, groups, svg) {
    Object.assign(this, { trace, groups, svg, collapsed: new Set(), selected: null });
    this.groupOf = new Array(trace.nodes.length).fill(null);
    for (const group of groups) for (const member of group.members) this.groupOf[member] = group;
    this.zoom = 1;
  }

  /** Draw again what is visible, for example after a neuron was expanded. */
  build(collapsed) {
    this.collapsed = collapsed;
    this.collectItems();
    this.collectLinks();
    this.labelsAll = this.links.length <= MOST_LABELLED_ARROWS;
    const sizes = this.items.map((item) => SIZES[item.kind]);
    const layout = layOut(sizes, this.links, this.labelsAll ? 58 : 44);
    this.width = layout.width + 2 * MARGIN;
    this.height = layout.height + 2 * MARGIN;
    this.svg.classList.toggle("dense", this.links.length > MOST_FULL_ARROWS);
    this.svg.replaceChildren(this.markers());
    const arrows = this.svg.appendChild(drawn("g"));
    const boxes = this.svg.appendChild(drawn("g"));
    const texts = this.svg.appendChild(drawn("g", { "aria-hidden": "true" }));
    this.links.forEach((link, index) => this.drawLink(link, layout.routes[index], arrows, texts));
    this.items.forEach((item, index) => this.drawItem(item, layout.centres[index], boxes));
    this.setZoom(this.zoom);
  }

  isCollapsed(index) {
    const group = this.groupOf[index];
    return group !== null && this.collapsed.has(group);
  }

  collectItems() {
    this.items = [];
    this.itemOf = new Array(this.trace.nodes.length);
    const itemOfGroup = new Map();
    for (const node of this.trace.nodes) {
      if (this.isCollapsed(node.index)) {
        const group = this.groupOf[node.index];
        if (group.head !== node.index) continue;
        itemOfGroup.set(group, { kind: "group", node, group });
        this.items.push(itemOfGroup.get(group));
      } else {
        const kind = node.role === "constant" && node.unnamed ? "constant" : "node";
        this.items.push({ kind, node, group: this.groupOf[node.index] });
        this.itemOf[node.index] = this.items.at(-1);
      }
    }
    for (const [group, item] of itemOfGroup) {
      for (const member of group.members) this.itemOf[member] = item;
    }
    this.items.forEach((item, index) => (item.index = index));
  }

  collectLinks() {
    this.links = [];
    this.linkOf = new Map(); // "child/place" -> the arrow that stands for this use
    const merged = new Map();
    for (const node of this.trace.nodes) {
      node.parents.forEach((parent, place) => {
        const [source, target] = [this.itemOf[parent], this.itemOf[node.index]];
        if (source === target) return;
        const key = `${source.index}/${target.index}`;
        const isMerged = source.kind === "group" || target.kind === "group";
        let link = isMerged ? merged.get(key) : undefined;
        if (!link) {
          link = { from: source.index, to: target.index, uses: [] };
          merged.set(key, link);
          this.links.push(link);
        }
        link.uses.push({ child: node.index, place });
        this.linkOf.set(`${node.index}/${place}`, link);
      });
    }
  }

  markers() {
    const definitions = drawn("defs");
    for (const [id, width] of [["arrow", 8], ["arrow-forward", 13], ["arrow-backward", 15]]) {
      const marker = drawn("marker", {
        id,
        viewBox: "0 0 8 8",
        refX: 7,
        refY: 4,
        markerWidth: width,
        markerHeight: width,
        markerUnits: "userSpaceOnUse",
        orient: "auto-start-reverse",
      });
      marker.append(drawn("path", { d: "M0 0.5 8 4 0 7.5z" }));
      definitions.append(marker);
    }
    return definitions;
  }

  drawLink(link, points, arrows, texts) {
    const [first, ...rest] = points.map(({ x, y }) => ({ x: x + MARGIN, y: y + MARGIN }));
    let path = `M${round(first.x)} ${round(first.y)}`;
    let at = first;
    for (const to of rest) {
      const middle = round((at.x + to.x) / 2);
      path += `C${middle} ${round(at.y)} ${middle} ${round(to.y)} ${round(to.x)} ${round(to.y)}`;
      at = to;
    }
    link.element = arrows.appendChild(drawn("path", { class: "edge", d: path }));
    link.look = "edge";
    const [start, end] = [rest.at(-2) ?? first, rest.at(-1)];
    const place = { x: round((start.x + end.x) / 2), y: round((start.y + end.y) / 2 + 4) };
    link.text = texts.appendChild(drawn("text", { class: "derivative", ...place }));
    link.label = "";
    link.tip = link.element.appendChild(drawn("title"));
    const { nodes } = this.trace;
    const lines = link.uses.slice(0, 12).map(({ child, place: operand }) => {
      const parent = nodes[nodes[child].parents[operand]];
      return `∂${nodes[child].name}/∂${parent.name} = ${nodes[child].partials[operand]}`;
    });
    link.tip.textContent = lines.join("\n");
  }

  drawItem(item, centre, boxes) {
    const { node, group, kind } = item;
    const { width, height } = SIZES[kind];
    const [x, y] = [round(centre.x + MARGIN - width / 2), round(centre.y + MARGIN - height / 2)];
    Object.assign(item, { x, y, width, height, shown: {}, look: "" });
    const element = drawn("g", {
      id: `n${node.index}`,
      transform: `translate(${x} ${y})`,
      role: "button",
      tabindex: -1,
    });
    item.element = boxes.appendChild(element);
    item.tip = element.appendChild(drawn("title"));
    if (kind === "group") {
      element.append(drawn("rect", { class: "sheet", x: 5, y: 5, width, height, rx: 11 }));
    }
    element.append(
      drawn("rect", { class: "halo", x: -5, y: -5, width: width + 10, height: height + 10, rx: 13 }),
      drawn("rect", { class: "box", width, height, rx: kind === "constant" ? 14 : 9 }),
    );
    if (kind === "constant") {
      element.append(drawn("text", { class: "data", x: width / 2, y: 18, "text-anchor": "middle" }));
    } else {
      this.drawTexts(item, element);
    }
    item.data = element.querySelector(".data");
    item.grad = element.querySelector(".grad.value");
  }

  drawTexts({ kind, node, group, width, height }, element) {
    if (kind === "group") {
      element.append(
        drawn("text", { class: "head", x: 10, y: 19 }, shortName(group.name, 20)),
        drawn("text", { class: "formula", x: 10, y: 35 }, shortName(group.formula, 28)),
      );
    } else {
      const symbol = node.parents.length ? node.symbol : "";
      const label = node.unnamed && symbol ? "" : nameInside(node.name, group);
      const used = symbol.length > 2 ? 10 + symbol.length * 9.5 : 30;
      if (symbol) element.append(drawn("text", { class: "symbol", x: 10, y: 19 }, symbol));
      const room = Math.floor((width - (symbol ? used : 16)) / 6.6);
      const place = symbol ? { x: width - 10, "text-anchor": "end" } : { x: 10 };
      const text = shortName(label, Math.max(room, 3));
      element.append(drawn("text", { class: "head", y: 19, ...place }, text));
    }
    element.append(
      drawn("text", { class: "key", x: 10, y: height - 25 }, "data"),
      drawn("text", { class: "data value", x: width - 10, y: height - 25 }),
      drawn("text", { class: "key", x: 10, y: height - 9 }, "grad"),
      drawn("text", { class: "grad value", x: width - 10, y: height - 9 }),
    );
  }

  show(position) {
    const event = this.trace.events[position];
    this.lit = event.phase === "backward" ? this.linkOf.get(`${event.from}/${event.place}`) : null;
    this.current = this.itemOf[event.node];
    for (const item of this.items) this.showItem(item, position, event);
    for (const link of this.links) this.showLink(link, position, event);
    if (this.lit) this.lit.element.parentNode.append(this.lit.element);
  }

  showItem(item, position, event) {
    const { node, shown } = item;
    const data = this.trace.dataAt(node, position);
    const grad = this.trace.gradAt(node, position);
    if (shown.data !== data || shown.grad !== grad || !("data" in shown)) {
      item.shown = { data, grad };
      item.data.textContent = data === null ? "–" : shortNumber(data);
      if (item.grad) item.grad.textContent = grad === null ? "–" : shortNumber(grad);
      const name = item.kind === "group" ? item.group.name : node.name;
      const [exactData, exactGrad] = [data, grad].map((x) => (x === null ? "not computed yet" : x));
      const meaning = node.parents.length ? this.trace.ops[node.op].formula : node.role;
      item.tip.textContent = `${name}: ${meaning}\ndata = ${exactData}\ngrad = ${exactGrad}`;
      item.element.setAttribute("aria-label", `${name}, data ${exactData}, gradient ${exactGrad}`);
    }
    const look = ["node", item.kind, node.role];
    if (data === null) look.push("unknown");
    if (item === this.current && event.phase !== "start") {
      look.push("current", position >= this.trace.seedAt ? "backwards" : "forwards");
    } else if (event.phase === "backward" && item === this.itemOf[event.from]) look.push("source");
    if (item === this.selected) look.push("selected");
    if (this.onPath?.has(item)) look.push("on-path");
    const classes = look.join(" ");
    if (classes === item.look) return;
    item.look = classes;
    item.element.setAttribute("class", classes);
    item.element.setAttribute("aria-pressed", item === this.selected);
    if (look.includes("current")) item.element.setAttribute("aria-current", "step");
    else item.element.removeAttribute("aria-current");
  }

  showLink(link, position, event) {
    const look = ["edge"];
    const isComputed = link.uses.some(({ child }) => this.trace.nodes[child].computedAt <= position);
    const isCurrent =
      event.phase === "forward" && link.uses.some(({ child }) => child === event.node);
    if (isComputed) look.push("live");
    if (position > this.trace.seedAt && this.hasFlowed(link, position)) look.push("flowed");
    if (isCurrent) look.push("lit");
    if (link === this.lit) look.push("lit", "backwards");
    const ends = [this.items[link.from], this.items[link.to]];
    if (this.onPath && ends.every((item) => this.onPath.has(item))) look.push("on-path");
    const classes = look.join(" ");
    if (classes !== link.look) link.element.setAttribute("class", (link.look = classes));
    this.labelLink(link, event, isComputed && this.labelsAll && position >= this.trace.seedAt);
  }

  labelLink(link, event, isShown) {
    const isLit = link === this.lit;
    const [use] = isLit ? [{ child: event.from, place: event.place }] : link.uses;
    const child = this.trace.nodes[use.child];
    const { role } = this.trace.nodes[child.parents[use.place]];
    const isOne = link.uses.length === 1 && role !== "constant";
    const label = isLit || (isShown && isOne) ? shortNumber(child.partials[use.place]) : "";
    const text = isLit ? `× ${label}` : label;
    if (link.label === text) return;
    link.text.textContent = link.label = text;
    link.text.setAttribute("class", isLit ? "derivative lit" : "derivative");
  }

  hasFlowed({ uses }, position) {
    return uses.some(({ child, place }) => this.trace.flowedAt(child, place) <= position);
  }

  /** Mark a node and everything between it and the output, or (null) nothing. */
  select(index) {
    this.selected = index === null ? null : this.itemOf[index];
    this.onPath = null;
    if (index !== null) {
      const { reached } = this.trace.pathsFrom(index);
      this.onPath = new Set([...reached].map((member) => this.itemOf[member]));
    }
  }

  setZoom(zoom) {
    this.zoom = Math.min(3, Math.max(0.15, zoom));
    this.svg.setAttribute("viewBox", `0 0 ${round(this.width)} ${round(this.height)}`);
    this.svg.setAttribute("width", round(this.width * this.zoom));
    this.svg.setAttribute("height", round(this.height * this.zoom));
  }

  /** Scroll so that what happens now is in view; where it does not fit, the current box is. */
  bringIntoView(stage, event) {
    const items = [this.current];
    if (event.phase === "backward") items.unshift(this.itemOf[event.from]);
    for (const { x, y, width, height } of items) {
      const room = [stage.clientWidth, stage.clientHeight];
      [[x, width, "scrollLeft"], [y, height, "scrollTop"]].forEach(([start, size, side], axis) => {
        const [from, to] = [start * this.zoom - 20, (start + size) * this.zoom + 20];
        if (from < stage[side] || to > stage[side] + room[axis]) {
          stage[side] = (from + to - room[axis]) / 2;
        }
      });
    }
  }
}

/** "w.1" for "layers.0.neurons.3.w.1", next to others of its neuron. */
function nameInside(name, group) {
  return group && name.startsWith(`${group.name}.`) ? name.slice(group.name.length + 1) : name;
}

function round(number) {
  return Math.round(number * 10) / 10;
}
