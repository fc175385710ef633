"use strict";
// The picture: boxes and arrows for what is visible now (a collapsed neuron is one box), and how
// they look at a position. Only what differs from the position before is written to the page; what
// moves is drawn on a sheet of its own, so that the arrows below need not be painted again.

const MARGIN = 12;
const MOST_LABELLED_ARROWS = 90;
const MOST_FULL_ARROWS = 150;
const LEAST_ZOOM = 0.15;
const WIDTHS = { least: 1, most: 3.6 }; // of the arrow of a weight, by its size

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
    const weights = groups.flatMap((group) => group.weights.map(([, weight]) => Math.abs(valueOf(trace.nodes[weight]))));
    this.strongest = Math.max(0, ...weights.filter(Number.isFinite));
  }

  /** Lay out what is visible, in that look: {collapsed, level, isDown}. */
  arrange({ collapsed, level, isDown }) {
    Object.assign(this, { collapsed, level });
    this.collectItems();
    this.collectLinks();
    this.isRoomy = this.links.length <= MOST_LABELLED_ARROWS;
    const hasFrames = this.items.some(({ kind, group }) => kind !== "group" && group);
    const arranged = (isDown && !hasFrames ? arrangeDown : arrange)(this.items, this.links, this.isRoomy, level);
    this.width = arranged.width + 2 * MARGIN;
    this.height = arranged.height + 2 * MARGIN;
    return arranged;
  }

  /** Draw again what is visible, for example after a neuron was expanded. */
  build(look) {
    const { corners, curves, frames } = this.arrange(look);
    const { isRoomy } = this;
    this.isDense = this.links.length > MOST_FULL_ARROWS;
    for (const sheet of [this.svg, this.lights]) sheet.setAttribute("class", `at-${this.level}${this.isDense ? " dense" : ""}`);
    this.svg.replaceChildren(this.markers());
    const layers = Array.from({ length: 4 }, () => {
      return this.svg.appendChild(drawn("g", { transform: `translate(${MARGIN} ${MARGIN})` }));
    });
    const [grounds, arrows, boxes, texts] = layers;
    for (const frame of frames) this.drawFrame(frame, grounds);
    for (const link of this.links) link.label = link.derivative?.shown;
    this.links.forEach((link, index) => this.drawLink(link, curves[index], arrows));
    this.items.forEach((item, index) => this.drawItem(item, corners[index], boxes));
    this.drawLabels(curves, isRoomy, texts);
    this.stops = stopsOf(this.trace, this);
    this.isAsking = false;
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
    this.items.forEach((item, index) => {
      const isInFrame = item.kind !== "group" && item.group;
      Object.assign(item, { index, incoming: [], level: isInFrame ? "full" : this.level });
      item.size = sizeOf(item);
    });
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
    for (const link of this.links) {
      const flows = this.trace.flowsOf(link.uses);
      link.firstFlow = flows[0] ?? Infinity;
      link.lastFlow = flows.at(-1) ?? Infinity;
      link.derivative = derivativeAlong(this.trace, link, this.items[link.from], this.items[link.to]);
      link.weight = this.weightOf(link);
    }
  }

  /** The weight that an arrow into a collapsed neuron stands for; null where it is not just one. */
  weightOf({ from, to }) {
    const [source, target] = [this.items[from], this.items[to]];
    if (target.kind !== "group") return null;
    const found = target.group.weights.filter(([input]) => this.itemOf[input] === source);
    return found.length === 1 ? this.trace.nodes[found[0][1]] : null;
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
      drawnRuns(fittedRuns(group.runs, width - 46, 12.5, 600), 12.5, { class: "name", x: 11, y: 18 }),
      this.switchOf(group, width, "−"),
      drawn("title", {}, `${group.code}: ${group.formula}`),
    );
    grounds.append(element);
  }

  /** The sign in the corner of a neuron that expands or collapses it. */
  switchOf(group, width, text, isUnseen = false) {
    const element = drawn("g", { class: "switch", "data-group": this.groups.indexOf(group) });
    if (isUnseen) return element; // there is no room for it: double click and E do the same
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
    const [from, to] = [this.items[link.from].node.code, this.items[link.to].node.code];
    const lines = [link.derivative === null ? "constant" : `${derivative(to, from, "∂")} = ${link.label}`];
    if (link.weight) {
      lines.unshift(`weight ${link.weight.code} = ${link.weight.data.exact}`);
      const share = this.strongest ? Math.min(1, Math.abs(valueOf(link.weight)) / this.strongest) : 0;
      link.width = round(WIDTHS.least + (WIDTHS.most - WIDTHS.least) * (share || 0));
      link.element.style.setProperty("--width", link.width);
    }
    link.lines = lines;
    link.tip = link.element.appendChild(drawn("title", {}, lines.join("\n")));
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
    const [x, y] = [round(corner.x), round(corner.y)];
    Object.assign(item, { x, y, width: item.size.width, height: item.size.height, shown: {}, look: "" });
    item.element = boxes.appendChild(drawnItem(item));
    if (item.kind === "group") item.element.append(this.switchOf(item.group, item.width, "+", item.level !== "full"));
    item.tip = item.element.querySelector("title");
    item.data = item.element.querySelector(".data");
    if (item.kind !== "group" && item.node.leaf !== undefined) item.data?.setAttribute("data-leaf", item.node.index);
    item.grad = item.element.querySelector(".grad.value");
  }

  show(position) {
    const event = this.trace.events[position];
    this.current = this.itemOf[event.node];
    const link = event.phase === "backward" && this.linkOf.get(`${event.from}/${event.place}`);
    const isForward = event.phase === "forward";
    for (const item of this.items) this.showItem(item, position, event);
    for (const other of this.links) this.showLink(other, position, other === link);
    const isAsking = this.trace.asked !== null;
    if (isAsking !== this.isAsking) this.hideDerivatives((this.isAsking = isAsking));
    this.texts.classList.toggle("waiting", position < this.trace.seedAt || isAsking);
    this.light(isForward ? this.current.incoming : link ? [link] : [], isForward);
  }

  /** The arrows of this step, on the sheet above. */
  light(links, isForward) {
    const sheet = drawn("g", { transform: `translate(${MARGIN} ${MARGIN})` });
    for (const link of links) {
      sheet.append(drawn("path", { class: isForward ? "edge lit" : "edge lit backwards", d: link.path }));
      if (isForward || this.trace.asked) continue;
      const text = `× ${link.label}`;
      const place = litPlace(link, text, this.obstacles, this.labels, this);
      if (place) sheet.append(drawnLabel(text, place, "derivative lit"));
    }
    this.lights.replaceChildren(sheet);
  }

  /** While a quiz asks, an arrow does not tell its derivative, which may be what is asked for. */
  hideDerivatives(isHidden) {
    for (const { tip, lines } of this.links) tip.textContent = (isHidden ? lines.slice(0, -1) : lines).join("\n");
  }

  showItem(item, position, event) {
    const { node, shown } = item;
    const data = this.trace.dataAt(node, position);
    const grad = this.trace.gradAt(node, position);
    if (shown.data !== data || shown.grad !== grad || !("data" in shown)) {
      item.shown = { data, grad };
      for (const [element, number] of [[item.data, data], [item.grad, grad]]) {
        if (!element) continue;
        element.textContent = number === null ? "–" : number.shown;
        element.classList.toggle("long", element.textContent.length > 8);
      }
      this.nameItem(item, data, grad);
    }
    const look = ["node", item.kind, item.level, node.role];
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
    const name = kind === "chip" ? node.data.shown : (isGroup ? group : node).code;
    const formula = node.parents.length ? `${node.role}, ${node.formula}` : node.role;
    const meaning = isGroup ? `neuron, ${group.formula}, E expands it` : formula;
    const written = (number) => number?.exact ?? "not computed yet";
    const lines = [`data ${written(data)}`];
    if (!node.constant) lines.push(`gradient ${written(grad)}`);
    tip.textContent = [`${name}: ${meaning}`, ...lines].join("\n");
    element.setAttribute("aria-label", [name, meaning, ...lines].join(", "));
  }

  showLink(link, position, isLit) {
    const look = ["edge"];
    if (link.weight) look.push("weighted", signOf(link.weight));
    if (!this.isDense && this.items[link.to].node.computedAt <= position) look.push("live");
    if (link.firstFlow <= position) look.push("flowed");
    const ends = [this.items[link.from], this.items[link.to]];
    if (this.onPath && ends.every((item) => this.onPath.has(item))) look.push("on-path");
    if (isLit) look.push("beneath");
    const matters = ends.includes(this.current) || ends.includes(this.selected); // its neighborhood
    if (link.weight && matters) look.push("near");
    const classes = look.join(" ");
    if (classes !== link.look) link.element.setAttribute("class", (link.look = classes));
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

/** The number of a node, for the look of an arrow. */
function valueOf({ data: { exact } }) {
  return Number(exact.replace("inf", "Infinity"));
}

function signOf(node) {
  const value = valueOf(node);
  return value > 0 ? "positive" : value < 0 ? "negative" : "zero";
}
