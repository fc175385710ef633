"use strict";
// The network: a circle for each unit, with its answer in it, under a heading for each layer. Circles
// and headings are elements, so that keys and screen readers reach them; the lines are one canvas.

const SIZES = { least: 24, most: 52, gap: 8, column: 116, plain: 84, heading: 92, foot: 16, image: 96, name: 104 };

class NetworkView {
  constructor(area) {
    this.area = area;
    this.lines = byId("lines");
    this.looked = null; // the place of the unit that the mouse or the focus is on
    this.columns = [];
    for (const [kind, isOn] of [["pointerover", true], ["focusin", true], ["pointerout", false], ["focusout", false]]) {
      area.addEventListener(kind, ({ target }) => this.look(isOn ? target.closest?.(".unit")?.place ?? null : null));
    }
    area.addEventListener("keydown", (event) => this.onKey(event));
    area.addEventListener("focusin", ({ target }) => this.stopAt(target.closest?.(".unit")?.place));
    area.addEventListener("click", ({ target }) => {
      const place = target.closest?.(".unit")?.place;
      if (place?.feature) steer({ do: "feature", name: place.feature.name, on: !place.feature.on });
      else if (place?.layer >= 0) formula.open(place.layer, place.unit);
    });
  }

  /** The arrow keys go from unit to unit; for the Tab key each layer is one stop. */
  onKey(event) {
    const place = event.target.closest?.(".unit")?.place;
    const [across, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [];
    if (!place || across === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const places = this.columns[place.layer + 1 + across]?.places ?? [];
    const next = places[Math.min(place.unit + down, places.length - 1)];
    if (next?.element.matches("button")) next.element.focus();
  }

  stopAt(place) {
    if (place === undefined) return;
    for (const { element } of this.columns[place.layer + 1].places) element.tabIndex = -1;
    place.element.tabIndex = 0;
  }

  look(place) {
    if (place === null && formula.place) place = this.columns[formula.place.layer + 1]?.places[formula.place.unit] ?? null;
    if (place === this.looked) return;
    this.looked = place;
    requestDraw("lines");
  }

  /** Circles and headings for a scene; what has the focus keeps it. */
  build(scene, responses) {
    const focused = document.activeElement?.id;
    Object.assign(this, { scene, responses, looked: null });
    this.columns = [this.inputs(), ...scene.network.layers.map((layer, index) => this.layer(layer, index))];
    const places = this.columns.flatMap(({ places }) => places.map(({ element }) => element));
    byId("units").replaceChildren(...this.columns.flatMap(({ heading }) => [heading]), ...places);
    for (const { places } of this.columns) if (places[0]?.element.matches("button")) this.stopAt(places[0]);
    this.arrange();
    if (focused && this.area.contains(byId(focused))) byId(focused).focus({ preventScroll: true });
  }

  inputs() {
    const { features, network } = this.scene;
    const heading = made("div", { class: "heading" }, made("h3", {}, network.image ? "Input" : "Features"));
    if (network.image) {
      const canvas = made("canvas", { class: "picture" });
      const element = made("div", { class: "unit picture", role: "img", "aria-label": "The image that goes in" }, canvas);
      element.place = { layer: -1, unit: 0, element, canvas, isImage: true };
      return { heading, places: [element.place], on: [] };
    }
    const isFree = play.can("feature") && !this.scene.fixed;
    const places = features.filter(({ on }) => on || isFree).map((feature, index) => {
      const canvas = made("canvas", {});
      const name = made("span", { class: "name" }, shortened(written(feature.name), 40));
      const of = feature.of.replace(/column (\d+)/g, (_, column) => this.scene.names[column]);
      const title = this.scene.names[0] === "x1" || of === feature.name ? feature.name : `${feature.name} of ${of}`;
      const attributes = { class: `unit input${feature.on ? "" : " off"}`, id: `feature-${index}`, title };
      const element = isFree
        ? made("button", { ...attributes, type: "button", "aria-pressed": String(feature.on), "aria-label": `Feature ${feature.name}` }, canvas, name)
        : made("div", { ...attributes, role: "img", "aria-label": `Input ${feature.name}` }, canvas, name);
      element.place = { layer: -1, unit: index, element, canvas, feature: isFree ? feature : null, isOn: feature.on };
      return element.place;
    });
    return { heading, places, on: places.filter(({ isOn }) => isOn) };
  }

  layer(layer, index) {
    const isLast = index === this.scene.network.layers.length - 1;
    const places = Array.from({ length: layer.units }, (_, unit) => {
      const canvas = made("canvas", {});
      const name = isLast ? outputName(this.scene, unit) : "";
      const what = isLast ? `Output ${name}`.trim() : `Layer ${index + 1}, unit ${unit + 1}`;
      const element = made("button", { class: "unit", type: "button", id: `unit-${index}-${unit}`, title: `${what}: its formula`, "aria-label": `${what}. Show its formula` }, canvas);
      if (name) element.append(made("span", { class: "name" }, shortened(name, 24)));
      element.place = { layer: index, unit, element, canvas };
      return element.place;
    });
    return { heading: layers.heading(layer, index, isLast), places, on: places };
  }

  /** Places for the room that there is; more than fit can be scrolled to. */
  arrange() {
    const scroller = this.area;
    const most = Math.max(...this.columns.map(({ places }) => places.length));
    scroller.style.setProperty("--units", most); // a phone makes room for so many
    const room = scroller.clientHeight - SIZES.heading - SIZES.foot;
    const pitch = Math.min(SIZES.most + SIZES.gap + 6, Math.max(SIZES.least + 4, room / most));
    const size = Math.min(SIZES.most, Math.max(SIZES.least, pitch - SIZES.gap));
    this.height = Math.max(scroller.clientHeight - 2, SIZES.heading + most * pitch + SIZES.foot);
    const middle = SIZES.heading + (this.height - SIZES.heading - SIZES.foot) / 2;
    const ends = [this.columns[0], this.columns.at(-1)].map(({ places }) => Math.max(SIZES.column / 2, roomOf(places, size)));
    this.width = Math.max(scroller.clientWidth - 2, ends[0] + ends[1] + (this.columns.length - 1) * (play.can("layer") && !this.scene.fixed ? SIZES.column : SIZES.plain));
    const step = (this.width - ends[0] - ends[1]) / (this.columns.length - 1);
    this.columns.forEach(({ heading, places }, column) => {
      const x = ends[0] + step * column;
      heading.style.left = `${x - SIZES.column / 2}px`;
      places.forEach((place, index) => {
        const across = place.isImage ? SIZES.image : size;
        const y = middle + pitch * (index - (places.length - 1) / 2);
        Object.assign(place, { x, y, left: x - across / 2 - 1, right: x + across / 2 + 1, size: across });
        Object.assign(place.element.style, { left: `${x - across / 2}px`, top: `${y - across / 2}px`, width: `${across}px`, height: `${across}px` });
      });
    });
    byId("units").style.width = this.lines.style.width = `${this.width}px`;
    byId("units").style.height = this.lines.style.height = `${this.height}px`;
  }

  /** What the units answer, each on its circle. */
  drawUnits(flat, answers) {
    const { kind, count, side } = this.responses;
    if (kind === "images") return this.drawImages(flat, answers);
    const { layers: hidden, outputs, inputs } = answers;
    this.columns.forEach(({ on }, column) => {
      on.forEach((place, unit) => {
        const isHead = column === this.columns.length - 1;
        const all = column === 0 ? inputs : isHead ? outputs : hidden[column - 1];
        const numbers = rowOf(all, unit, count);
        if (kind === "line") paintCurve(place.canvas, numbers, place.size);
        else paintMap(place.canvas, numbers, side);
      });
    });
  }

  /** Units that see an image show their weights for each of its pixels; later ones, their answer. */
  drawImages(flat, answers) {
    const { image, layers } = this.scene.network;
    const { count } = this.responses;
    const looked = gallery.looked;
    this.columns[0].places[0].canvas.title = "";
    gallery.paintImage(this.columns[0].places[0].canvas, this.responses.chosen[looked]);
    this.columns.slice(1).forEach(({ places }, index) => {
      const isHead = index === layers.length - 1;
      places.forEach(({ canvas, unit }) => {
        if (index === 0) {
          const start = layers[0].W.at + unit * layers[0].W.row;
          const weights = flat.subarray(start, start + image[0] * image[1]);
          paintMap(canvas, weights, image[1], largest(weights) || 1, image[0]);
          return;
        }
        const numbers = isHead ? answers.outputs : answers.layers[index];
        const most = isHead ? 1 : largest(numbers) || 1;
        paintMap(canvas, [numbers[unit * count + looked]], 1, most);
      });
    });
  }

  /** The lines, for the weights of a frame. */
  drawLines(flat) {
    const pen = penOf(this.lines, this.width, this.height);
    const { layers: all, image } = this.scene.network;
    const shownLayers = all.map((layer, index) => [layer, this.columns[index].on, this.columns[index + 1].on]).slice(image ? 1 : 0);
    let strongest = 1;
    for (const [layer, sources, targets] of shownLayers) {
      targets.forEach((_, unit) => sources.forEach((__, input) => {
        const size = Math.abs(weightOf(layer, flat, unit, input));
        if (size > strongest && size < Infinity) strongest = size;
      }));
    }
    if (image) this.drawBundle(pen);
    for (const [layer, sources, targets] of shownLayers) drawLines(pen, layer, flat, sources, targets, this.looked, strongest);
    for (const [layer, sources, targets] of shownLayers) drawNumbers(pen, layer, flat, sources, targets, this.looked);
  }

  /** All pixels go to every unit: one thin line each stands for them. */
  drawBundle(pen) {
    const [picture] = this.columns[0].places;
    pen.strokeStyle = palette.rim;
    pen.lineWidth = 1;
    pen.globalAlpha = 0.6;
    pen.beginPath();
    for (const target of this.columns[1].places) {
      pen.moveTo(picture.right, picture.y);
      pen.lineTo(target.left, target.y);
    }
    pen.stroke();
    pen.globalAlpha = 1;
  }
}

/** How far from its middle a column at an end reaches, with the names beside it. */
function roomOf(places, size) {
  if (places[0].isImage) return SIZES.image / 2 + 10;
  const hasNames = places.some(({ element }) => element.querySelector(".name"));
  const widths = places.map(({ element }) => element.querySelector(".name")?.offsetWidth ?? 0);
  return size / 2 + (hasNames ? Math.min(SIZES.name, Math.max(...widths)) + 16 : 10);
}

/** What an output is: of two classes the probability of the second. */
function outputName({ task, outputs }, unit) {
  if (task === "binary") return `P(${classNames({ outputs })[1]})`;
  return outputs[unit] ?? "";
}
