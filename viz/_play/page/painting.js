"use strict";
// The plot under the mouse, a finger or the keyboard: points are painted, samples are looked at, and
// what the network says is read off.

const NEAR = 16; // pixels around a sample
const APART = 9; // between two points of one stroke
const OFTEN = 120; // milliseconds between what is sent of a stroke

const painting = {
  stroke: [],
  timer: null,
  last: null,

  build() {
    const area = byId("plot");
    area.addEventListener("pointerdown", (event) => this.down(event));
    area.addEventListener("pointermove", (event) => this.move(event));
    for (const kind of ["pointerup", "pointercancel"]) area.addEventListener(kind, () => this.up());
    area.addEventListener("pointerleave", () => this.invite());
    area.addEventListener("keydown", (event) => this.onKey(event));
    area.addEventListener("focus", () => plot.drawCursor());
    area.addEventListener("blur", () => {
      plot.spot = null;
      plot.drawCursor();
    });
    byId("brushes").addEventListener("change", () => this.follow());
  },

  /** A brush for each class, or for a number; looking is the first. */
  follow() {
    const isPainting = this.brush() !== "look";
    byId("plot").classList.toggle("painting", isPainting);
    byId("brush-value").hidden = this.brush() !== "number";
    this.invite();
  },

  /** What can be done here, as long as nothing is pointed at. */
  invite() {
    const looking = play.can("sample") ? "A click on a sample shows its forward and backward pass." : "";
    write(byId("readout"), this.brush() === "look" ? looking : "Click or draw: the points are trained on.");
  },

  rebuild(scene) {
    const canPaint = play.can("paint") && scene.names.length === 2 && !scene.fixed && !scene.network.image;
    const before = this.brush();
    const brush = (value, label, mark, title) => {
      const input = made("input", { type: "radio", name: "brush", value, id: `brush-${value}` });
      input.checked = value === before;
      return made("label", { class: "brush", title }, input, ...(mark ? [mark] : []), made("span", {}, label));
    };
    const brushes = [brush("look", "Look", null, "A click opens the sample")];
    if (canPaint && scene.task === "regression") brushes.push(brush("number", "Paint", null, "Click or draw: paint points of this value"));
    else if (canPaint) {
      const names = scene.task === "binary" && scene.outputs.length < 2 ? ["0", "1"] : scene.outputs;
      names.forEach((name, index) => brushes.push(brush(String(index), shortened(name, 12), this.mark(index), `Click or draw: paint points of ${name}`)));
    }
    byId("brushes").hidden = brushes.length < 2;
    byId("brush-list").replaceChildren(...brushes);
    if (!byId("brush-list").querySelector(":checked")) byId("brush-look").checked = true;
    this.follow();
  },

  mark(index) {
    const canvas = made("canvas", { class: "mark", "aria-hidden": "true" });
    plot.drawMark(penOf(canvas, 16, 16), 8, 8, index, false, false, 6);
    return canvas;
  },

  brush() {
    return byId("brush-list").querySelector(":checked")?.value ?? "look";
  },

  label() {
    return this.brush() === "number" ? numberIn(byId("brush-number").value) : Number(this.brush());
  },

  spotOf(event) {
    const { left, top } = byId("plot").getBoundingClientRect();
    return { left: event.clientX - left, top: event.clientY - top };
  },

  down(event) {
    if (event.button !== 0) return;
    const at = this.spotOf(event);
    if (this.brush() === "look") {
      const index = this.nearest(at.left, at.top);
      if (index !== null) samples.open(index);
      return;
    }
    byId("plot").setPointerCapture(event.pointerId);
    this.last = null;
    this.dab(at);
  },

  move(event) {
    const at = this.spotOf(event);
    if (this.last) this.dab(at);
    this.read(plot.placeAt(at.left, at.top), this.nearest(at.left, at.top));
  },

  up() {
    this.last = null;
    this.flush();
  },

  /** One point of a stroke, where it is far enough from the one before. */
  dab(at) {
    const place = plot.placeAt(at.left, at.top);
    if (!place || (this.last && Math.hypot(at.left - this.last.left, at.top - this.last.top) < APART)) return;
    this.last = at;
    this.stroke.push([place.x, place.y, this.label()]);
    plot.drawMark(plot.marks.getContext("2d"), at.left, at.top, this.label(), false, true, POINT); // before the answer comes
    this.timer ??= setTimeout(() => this.flush(), OFTEN);
  },

  flush() {
    clearTimeout(this.timer);
    this.timer = null;
    if (!this.stroke.length) return;
    const points = this.stroke;
    this.stroke = [];
    steer({ do: "paint", points }).then((answer) => answer.ok || plot.drawMarks());
  },

  nearest(left, top, most = NEAR) {
    let [best, least] = [null, most];
    for (let index = 0; index < plot.scene.points.X.length; index++) {
      const place = plot.placeOf(index);
      const far = Math.hypot(plot.across(place.x) - left, plot.down(place.y) - top);
      if (far < least) [best, least] = [index, far];
    }
    return best;
  },

  /** What the network says at a place, or of the sample that is there. */
  read(place, index) {
    if (!place || !play.flat) return this.invite();
    const { scene, responses } = play;
    const row = index === null ? scene.medians.slice() : scene.points.X[index];
    if (index === null) {
      row[plot.x.column] = place.x;
      if (!plot.isLine) row[plot.y.column] = place.y;
    }
    const { outputs } = responses.forward.run(play.flat, row.map((number) => Float64Array.of(number)));
    const where = index === null ? responses.axes.map(({ name, column }) => `${shortened(written(name), 16)} ${shown(row[column], 3)}`).join(", ") : `Sample ${numberOf(index)}, ${this.targetOf(index)}`;
    write(byId("readout"), `${where}: ${saidBy(scene, outputs)}`);
  },

  targetOf(index) {
    const { scene } = play;
    const target = scene.points.y[index];
    const state = scene.points.held_out[index] ? "held out" : "trained on";
    const known = scene.task === "regression" || Array.isArray(target) ? [target].flat().map((each) => shown(each)).join(", ") : classNames(scene)[target];
    return `${known}, ${state}`;
  },

  // The keyboard

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (moves[event.key]) this.walk(moves[event.key], event.shiftKey ? 0.01 : 0.05);
    else if (event.key === "n" || event.key === "p") this.visit(event.key === "n" ? 1 : -1);
    else if (event.key === "Enter" || event.key === " ") this.act();
    else return;
    event.preventDefault();
  },

  walk([across, up], share) {
    const { x, y } = plot;
    const spot = plot.spot ?? { x: (x.low + x.high) / 2, y: (y.low + y.high) / 2 };
    const clipped = (number, { low, high }) => Math.max(low, Math.min(high, number));
    plot.spot = { x: clipped(spot.x + across * share * (x.high - x.low), x), y: clipped(spot.y + up * share * (y.high - y.low), y) };
    plot.drawCursor();
    this.read(plot.spot, null);
    whisper(byId("readout").textContent);
  },

  /** From sample to sample. */
  visit(direction) {
    const count = plot.scene.points.X.length;
    const from = plot.chosen ?? (direction > 0 ? -1 : 0);
    plot.chosen = (from + direction + count) % count;
    plot.spot = plot.placeOf(plot.chosen);
    plot.drawCursor();
    this.read(plot.spot, plot.chosen);
    whisper(byId("readout").textContent);
  },

  act() {
    const spot = plot.spot;
    if (this.brush() === "look") {
      const index = spot ? this.nearest(plot.across(spot.x), plot.down(spot.y)) : plot.chosen;
      if (index !== null) samples.open(index);
      else whisper("There is no sample here. Press N for the next sample.");
      return;
    }
    if (!spot) return this.walk([0, 0], 0);
    this.stroke.push([spot.x, spot.y, this.label()]);
    this.flush();
    whisper("A point is painted.");
  },
};

function classNames(scene) {
  return scene.outputs.length > 1 ? scene.outputs : ["0", "1"];
}

/** The answer of the network for one sample, in words. */
function saidBy(scene, outputs) {
  if (scene.task === "regression") return `the network says ${Array.from(outputs, (each) => shown(each)).join(", ")}`;
  const names = classNames(scene);
  if (scene.task === "multilabel") return Array.from(outputs, (each, at) => `${shortened(scene.outputs[at], 16)} ${percent(each)}`).join(", ");
  const chances = scene.task === "binary" ? [1 - outputs[0], outputs[0]] : Array.from(outputs);
  const best = chances.indexOf(Math.max(...chances));
  return best < 0 ? "the network says nothing finite" : `the network says ${shortened(names[best], 20)}, ${percent(chances[best])}`;
}
