"use strict";
// The picture: boxes and arrows for what is visible now (a collapsed neuron is one box), and how
// they look at a position. Only what differs from the position before is written to the page; what
// moves is drawn on a sheet of its own, so that the arrows below need not be painted again.

const MARGIN = 12;
const MOST_LABELLED_ARROWS = 90;
const MOST_FULL_ARROWS = 150;
const LEAST_ZOOM = 0.15;

function drawn(kind, attributes = {}, text = null) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== null) element.textContent = text;
  return element;
}

class Scene {
  constructor(trace, groups, svg, lights) {
    Object.assign(this, { trace, groups, svg, lights, collapsed: new Set(), selected: null });
    this.groupOf = new Array(trace.nodes.length).fill(null);
    for (const group of groups) for (const member of group.members) this.groupOf[member] = group;
    this.zoom = 1;
  }

  /** Draw again what is visible, for example after a neuron was expanded. */
  build(collapsed) {
    this.collapsed = collapsed;
    this.collectItems();
    this.collectLinks();
    const isRoomy = this.links.length <= MOST_LABELLED_ARROWS;
    const { corners, curves, frames, width, height } = arrange(this.items, this.links, isRoomy);
    this.width = width + 2 * MARGIN;
    this.height = height + 2 * MARGIN;
    this.isDense = this.links.length > MOST_FULL_ARROWS;
    for (const sheet of [this.svg, this.lights]) sheet.classList.toggle("dense", this.isDense);
    this.svg.replaceChildren(this.markers());
    const layers = Array.from({ length: 4 }, () => {
      return this.svg.appendChild(drawn("g", { transform: `translate(${MARGIN} ${MARGIN})` }));
    });
    const [grounds, arrows, boxes, texts] = layers;
    for (const frame of frames) this.drawFrame(frame, grounds);
    this.links.forEach((link, index) => this.drawLink(link, curves[index], arrows));
    this.items.forEach((item, index) => this.drawItem(item, corners[index], boxes));
    this.drawLabels(curves, isRoomy, texts);
    this.stops = stopsOf(this.trace, this);
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
        const kind = node.constant && node.unnamed ? "chip" : "node";
        this.items.push({ kind, node, group: this.groupOf[node.index] });
        this.itemOf[node.index] = this.items.at(-1);
      }
    }
    for (const [group, item] of itemOfGroup) {
      for (const member of group.members) this.itemOf[member] = item;
    }
    this.items.forEach((item, index) => Object.assign(item, { index, incoming: [], size: sizeOf(item) }));
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
          target.incoming.push(link);
        }
        link.uses.push({ child: node.index, place });
        this.linkOf.set(`${node.index}/${place}`, link);
      });
    }
    const within = new Map([...this.collapsed].map((group) => [group, derivativesWithin(this.trace, group)]));
    const withinOf = (index) => within.get(this.groupOf[index]);
    for (const link of this.links) {
      const flows = this.trace.flowsOf(link.uses);
      link.firstFlow = flows[0] ?? Infinity;
      link.lastFlow = flows.at(-1) ?? Infinity;
      link.derivative = derivativeAlong(this.trace, link, withinOf);
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

  drawFrame({ group, x, y, width, height }, grounds) {
    const element = drawn("g", { class: "frame", transform: `translate(${round(x)} ${round(y)})` });
    element.append(
      drawn("rect", { class: "ground", width: round(width), height: round(height), rx: 12 }),
      drawn("text", { class: "name", x: 11, y: 18 }, fitted(group.name, width - 46, 12, 600)),
      this.switchOf(group, width, "−"),
      drawn("title", {}, `${group.name}: ${group.formula}`),
    );
    grounds.append(element);
  }

  /** The sign in the corner of a neuron that expands or collapses it. */
  switchOf(group, width, text) {
    const element = drawn("g", { class: "switch", "data-group": this.groups.indexOf(group) });
    element.append(
      drawn("rect", { x: round(width - 27), y: 3, width: 24, height: 22, rx: 6 }),
      drawn("text", { x: round(width - 15), y: 19, "text-anchor": "middle" }, text),
    );
    return element;
  }

  drawLink(link, curves, arrows) {
    link.path = pathOf(curves);
    link.look = "edge";
    link.element = arrows.appendChild(drawn("path", { class: link.look, d: link.path }));
    const [from, to] = [this.items[link.from].node.name, this.items[link.to].node.name];
    const text = link.derivative === null ? "constant" : `∂${to}/∂${from} = ${exactNumber(link.derivative)}`;
    link.element.append(drawn("title", {}, text));
  }

  drawLabels(curves, isRoomy, texts) {
    const boxes = this.items.map(({ x, y, width, height }) => ({ x, y, width, height }));
    placeLabels(this.links, curves, boxes, isRoomy);
    this.obstacles = new Raster(boxes);
    this.labels = new Raster([]);
    this.texts = texts;
    texts.setAttribute("aria-hidden", "true");
    for (const link of this.links) {
      if (!link.spot) continue;
      link.text = texts.appendChild(drawnLabel(link.label, link.spot, "derivative"));
      link.isTextShown = true;
      const width = widthOf(link.label, LABEL.size) + LABEL.pad;
      const corner = { x: link.spot.x - width / 2, y: link.spot.y - LABEL.height / 2 };
      this.labels.add({ ...corner, width, height: LABEL.height, owner: link });
    }
  }

  drawItem(item, corner, boxes) {
    const { node, group, kind } = item;
    const { width, height } = item.size;
    const [x, y] = [round(corner.x), round(corner.y)];
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
      element.append(drawn("rect", { class: "sheet", x: 6, y: 6, width, height, rx: 11 }));
      element.setAttribute("aria-expanded", "false");
    }
    element.append(
      drawn("rect", { class: "halo", x: -5, y: -5, width: width + 10, height: height + 10, rx: 13 }),
      drawn("rect", { class: "box", width, height, rx: kind === "chip" ? 14 : 9 }),
    );
    if (kind === "chip") {
      element.append(drawn("text", { class: "data", x: width / 2, y: 19, "text-anchor": "middle" }));
    } else {
      this.drawTexts(item, element);
    }
    if (kind === "group") element.append(this.switchOf(group, width, "+"));
    item.data = element.querySelector(".data");
    item.grad = element.querySelector(".grad.value");
  }

  drawTexts({ kind, node, group, width, height }, element) {
    const left = { x: 8, y: 18 };
    if (kind === "group") {
      element.append(
        drawn("text", { class: "head", ...left }, fitted(group.name, width - 36, 12, 600)),
        drawn("text", { class: "formula", x: 8, y: 35 }, fitted(group.formula, width - 16, 11)),
      );
    } else {
      const symbol = node.parents.length ? node.symbol : "";
      const look = symbol.length > 2 ? "symbol long" : "symbol";
      if (symbol) element.append(drawn("text", { class: look, ...left }, symbol));
      const name = fitted(nameInside(node.name, group), width - 16 - widthOfSymbol(node), 12, 600);
      const place = symbol ? { ...left, x: width - 8, "text-anchor": "end" } : left;
      element.append(drawn("text", { class: node.unnamed ? "head muted" : "head", ...place }, name));
    }
    const rows = node.constant ? [["data", 16]] : [["data", 24], ["grad", 8]];
    for (const [key, above] of rows) {
      element.append(
        drawn("text", { class: "key", x: 8, y: height - above }, key),
        drawn("text", { class: `${key} value`, x: width - 8, y: height - above }),
      );
    }
  }

  show(position) {
    const event = this.trace.events[position];
    this.current = this.itemOf[event.node];
    const link = event.phase === "backward" && this.linkOf.get(`${event.from}/${event.place}`);
    const isForward = event.phase === "forward";
    for (const item of this.items) this.showItem(item, position, event);
    for (const other of this.links) this.showLink(other, position, other === link);
    this.texts.classList.toggle("waiting", position < this.trace.seedAt);
    this.light(isForward ? this.current.incoming : link ? [link] : [], isForward);
  }

  /** The arrows of this step, on the sheet above. */
  light(links, isForward) {
    const sheet = drawn("g", { transform: `translate(${MARGIN} ${MARGIN})` });
    for (const link of links) {
      sheet.append(drawn("path", { class: isForward ? "edge lit" : "edge lit backwards", d: link.path }));
      if (isForward) continue;
      const text = `× ${link.label}`;
      sheet.append(drawnLabel(text, litPlace(link, text, this.obstacles, this.labels), "derivative lit"));
    }
    this.lights.replaceChildren(sheet);
  }

  showItem(item, position, event) {
    const { node, shown } = item;
    const data = this.trace.dataAt(node, position);
    const grad = this.trace.gradAt(node, position);
    if (shown.data !== data || shown.grad !== grad || !("data" in shown)) {
      item.shown = { data, grad };
      for (const [element, number] of [[item.data, data], [item.grad, grad]]) {
        if (!element) continue;
        element.textContent = number === null ? "–" : shortNumber(number);
        element.classList.toggle("long", element.textContent.length > 8);
      }
      this.nameItem(item, data, grad);
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

  /** What a screen reader and the tooltip say: the name, what it is, and its exact numbers. */
  nameItem({ kind, node, group, tip, element }, data, grad) {
    const isGroup = kind === "group";
    const name = isGroup ? group.name : kind === "chip" ? shortNumber(node.data) : node.name;
    const formula = node.parents.length ? `${node.role}, ${this.trace.ops[node.op].formula}` : node.role;
    const meaning = isGroup ? `neuron, ${group.formula}, E expands it` : formula;
    const written = (number) => (number === null ? "not computed yet" : exactNumber(number));
    const lines = [`data ${written(data)}`];
    if (!node.constant) lines.push(`gradient ${written(grad)}`);
    tip.textContent = [`${name}: ${meaning}`, ...lines].join("\n");
    element.setAttribute("aria-label", [name, meaning, ...lines].join(", "));
  }

  showLink(link, position, isLit) {
    const look = ["edge"];
    if (!this.isDense && this.items[link.to].node.computedAt <= position) look.push("live");
    if (link.firstFlow <= position) look.push("flowed");
    const ends = [this.items[link.from], this.items[link.to]];
    if (this.onPath && ends.every((item) => this.onPath.has(item))) look.push("on-path");
    if (isLit) look.push("beneath");
    const classes = look.join(" ");
    if (classes !== link.look) link.element.setAttribute("class", (link.look = classes));
    // Few of the numbers have room beside neurons that are one box: those that matter now are shown.
    const matters = !this.collapsed.size || ends.includes(this.current) || ends.includes(this.selected);
    const isTextShown = matters && !isLit; // the current arrow has its number on the sheet above
    if (link.text && isTextShown !== link.isTextShown) {
      link.isTextShown = isTextShown;
      link.text.classList.toggle("apart", !isTextShown);
    }
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

  setZoom(zoom, least = LEAST_ZOOM) {
    this.zoom = Math.min(3, Math.max(least, zoom));
    for (const svg of [this.svg, this.lights]) {
      svg.setAttribute("viewBox", `0 0 ${round(this.width)} ${round(this.height)}`);
      svg.setAttribute("width", round(this.width * this.zoom));
      svg.setAttribute("height", round(this.height * this.zoom));
    }
  }

  /** Scroll so that what happens now is in view; where both ends do not fit, the current box is. */
  bringIntoView(stage, event) {
    const isStart = event.phase === "start" && this.stops.length > 1;
    const main = isStart ? this.itemOf[this.trace.events[this.stops[1]].node] : this.current;
    const others = isStart || event.phase === "forward" ? main.incoming.map(({ from }) => this.items[from]) : [];
    const items = [main, ...others, ...(event.phase === "backward" ? [this.itemOf[event.from]] : [])];
    for (const [start, size, side, room] of [
      ["x", "width", "scrollLeft", stage.clientWidth],
      ["y", "height", "scrollTop", stage.clientHeight],
    ]) {
      let [from, to] = [Infinity, -Infinity];
      for (const item of items) {
        const low = (item[start] + MARGIN) * this.zoom - 16;
        const high = (item[start] + item[size] + MARGIN) * this.zoom + 16;
        if (Math.max(to, high) - Math.min(from, low) > room && item !== main) continue;
        [from, to] = [Math.min(from, low), Math.max(to, high)];
      }
      if (from < stage[side] || to > stage[side] + room) stage[side] = (from + to - room) / 2;
    }
  }
}

/** A box with a long name is somewhat wider than others. */
function sizeOf({ kind, node, group }) {
  const { width, height } = SIZES[kind];
  if (kind !== "node") return { width, height };
  const wanted = widthOfSymbol(node) + widthOf(nameInside(node.name, group), 12, 600) + 17;
  return { width: Math.min(Math.max(width, Math.ceil(wanted)), SIZES.widest), height };
}

function widthOfSymbol({ parents, symbol }) {
  if (!parents.length) return 0;
  return widthOf(symbol, symbol.length > 2 ? 11.5 : 14, 700) + 6;
}

/** "w.1" for "layers.0.neurons.3.w.1", next to others of its neuron. */
function nameInside(name, group) {
  return group && name.startsWith(`${group.name}.`) ? name.slice(group.name.length + 1) : name;
}
