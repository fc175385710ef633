"use strict";
// The answer of the network over the data: the probability of the classes as shades with the boundary
// between them, a regression as shades or, of one column, as a curve; and the points on top.

const EDGE = { left: 42, bottom: 32, top: 4, right: 8 };
const POINT = 4.4; // pixels, half a mark

class Plot {
  constructor() {
    this.shades = made("canvas", {}); // as small as the grid; the browser makes it smooth
    this.map = byId("map");
    this.marks = byId("marks");
    this.cursor = byId("cursor");
    this.spot = null; // where the keyboard is, in data
    this.chosen = null; // the sample that is looked at
  }

  build(scene, responses) {
    Object.assign(this, { scene, responses });
    this.isBinary = scene.task === "binary" || (scene.task === "multilabel");
    this.isClasses = scene.task === "classification";
    this.isLine = responses.kind === "line";
    this.n_classes = this.isBinary ? 2 : scene.outputs.length;
    const [x, y] = responses.axes;
    this.x = x;
    this.y = y ?? this.targetAxis();
    this.spot = null;
    this.chosen = null;
    if (scene.task === "regression") {
      const targets = scene.points.y.map((target) => (Array.isArray(target) ? target[0] : target));
      const [low, high] = extent(targets);
      this.target = { middle: (low + high) / 2, half: (high - low) / 2 || 1 };
    }
    this.resize();
  }

  targetAxis() {
    if (this.scene.task !== "regression") return { low: -0.08, high: 1.08, name: "probability" };
    const [low, high] = extent(this.scene.points.y.map((target) => (Array.isArray(target) ? target[0] : target)));
    const margin = 0.12 * (high - low) || 0.5;
    return { low: low - margin, high: high + margin, name: this.scene.outputs[0] ?? "y" };
  }

  resize() {
    this.width = this.map.parentElement.clientWidth;
    this.height = this.map.parentElement.clientHeight;
    this.room = { width: this.width - EDGE.left - EDGE.right, height: this.height - EDGE.top - EDGE.bottom };
    this.drawMarks();
    this.drawCursor();
  }

  across(x) {
    return EDGE.left + ((x - this.x.low) / (this.x.high - this.x.low)) * this.room.width;
  }

  down(y) {
    return EDGE.top + ((this.y.high - y) / (this.y.high - this.y.low)) * this.room.height;
  }

  /** The place in data of a place on the page; null beside the axes. */
  placeAt(left, top) {
    const x = this.x.low + ((left - EDGE.left) / this.room.width) * (this.x.high - this.x.low);
    const y = this.y.high - ((top - EDGE.top) / this.room.height) * (this.y.high - this.y.low);
    const isInside = x >= this.x.low && x <= this.x.high && y >= this.y.low && y <= this.y.high;
    return isInside ? { x, y } : null;
  }

  /** The place of a sample in the picture. */
  placeOf(index) {
    const { X, y } = this.scene.points;
    const target = Array.isArray(y[index]) ? y[index][0] : y[index];
    const x = X[index][this.x.column];
    if (!this.isLine) return { x, y: X[index][this.y.column] };
    return { x, y: this.isClasses ? 1 : target };
  }

  // The shades

  drawAnswers({ outputs, layers: all }) {
    const pen = penOf(this.map, this.width, this.height);
    const { left, top } = EDGE;
    const { width, height } = this.room;
    if (this.isLine) {
      pen.fillStyle = palette.ground;
      pen.fillRect(left, top, width, height);
    } else {
      this.paintShades(outputs);
      pen.imageSmoothingEnabled = true;
      pen.imageSmoothingQuality = "high";
      const half = 0.5; // the grid's places are the middles of its pixels
      pen.drawImage(this.shades, half, half, this.responses.side - 1, this.responses.side - 1, left, top, width, height);
    }
    this.drawAxes(pen);
    pen.save();
    pen.beginPath();
    pen.rect(left, top, width, height);
    pen.clip();
    if (this.isLine) this.drawCurves(pen, outputs);
    else if (this.scene.task !== "regression") this.drawBoundaries(pen, outputs, all.at(-1));
    pen.restore();
  }

  paintShades(outputs) {
    const { side, count } = this.responses;
    const { shades } = this;
    if (shades.width !== side) {
      shades.width = side;
      shades.height = side;
    }
    const pen = shades.getContext("2d");
    const image = pen.createImageData(side, side);
    const pixels = new Uint32Array(image.data.buffer);
    if (this.isClasses) this.paintClasses(pixels, outputs, count);
    else {
      const [middle, half] = this.isBinary ? [0.5, 0.5] : [this.target.middle, this.target.half];
      for (let at = 0; at < count; at++) {
        const number = (outputs[at] - middle) / half;
        pixels[at] = Number.isFinite(number) ? palette.shading[levelOf(number)] : NO_NUMBER;
      }
    }
    pen.putImageData(image, 0, 0);
  }

  paintClasses(pixels, outputs, count) {
    const shades = palette.shadesOf(this.n_classes);
    const least = 1 / this.n_classes;
    for (let at = 0; at < count; at++) {
      let best = 0;
      for (let kind = 1; kind < this.n_classes; kind++) if (outputs[kind * count + at] > outputs[best * count + at]) best = kind;
      const share = (outputs[best * count + at] - least) / (1 - least);
      pixels[at] = Number.isFinite(share) ? shades[best][Math.round(LEVELS * Math.max(0, Math.min(1, share)))] : NO_NUMBER;
    }
  }

  /**
   * Where two classes are equally probable. The numbers before the head say it between two places of
   * the grid as well; probabilities are near 0 or 1 on both sides, which would make steps of the line.
   */
  drawBoundaries(pen, outputs, before) {
    const { side, count } = this.responses;
    const hasHead = this.scene.network.head !== "identity";
    const scores = hasHead ? before : outputs;
    pen.strokeStyle = palette.text;
    pen.lineWidth = 1.5;
    pen.beginPath();
    const kinds = this.isClasses ? this.n_classes : 1;
    for (let kind = 0; kind < kinds; kind++) {
      const lead = new Float64Array(count);
      for (let at = 0; at < count; at++) {
        let other = this.isClasses ? -Infinity : hasHead ? 0 : 0.5;
        if (this.isClasses) for (let each = 0; each < kinds; each++) if (each !== kind) other = Math.max(other, scores[each * count + at]);
        lead[at] = scores[kind * count + at] - other;
      }
      contour(pen, lead, side, (across, down) => [
        EDGE.left + (across / (side - 1)) * this.room.width,
        EDGE.top + (down / (side - 1)) * this.room.height,
      ]);
    }
    pen.stroke();
  }

  /** The answer along the one column: of a regression the curve, of classes their probabilities. */
  drawCurves(pen, outputs) {
    const { count } = this.responses;
    const curves = this.isClasses ? this.n_classes : 1;
    for (let kind = 0; kind < curves; kind++) {
      pen.strokeStyle = this.isClasses ? `rgb(${palette.classColor(kind, this.n_classes)})` : palette.accent;
      pen.lineWidth = 2.6;
      pen.beginPath();
      for (let at = 0; at < count; at++) {
        const answer = outputs[kind * count + at];
        if (Number.isFinite(answer)) pen.lineTo(EDGE.left + (at / (count - 1)) * this.room.width, this.down(answer));
      }
      pen.stroke();
    }
  }

  drawAxes(pen) {
    pen.strokeStyle = palette.rim;
    pen.lineWidth = 1;
    pen.strokeRect(EDGE.left + 0.5, EDGE.top + 0.5, this.room.width - 1, this.room.height - 1);
    pen.fillStyle = palette.muted;
    pen.font = "11px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "top";
    const base = this.height - EDGE.bottom;
    for (const tick of ticksOf(this.x.low, this.x.high, 5)) pen.fillText(shown(tick, 3), this.across(tick), base + 4);
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const tick of ticksOf(this.y.low, this.y.high, 5)) pen.fillText(shown(tick, 3), EDGE.left - 5, this.down(tick));
    pen.fillStyle = palette.text;
    pen.textAlign = "center";
    pen.textBaseline = "bottom";
    pen.fillText(shortened(written(this.x.name), 40), EDGE.left + this.room.width / 2, this.height - 2);
    pen.save();
    pen.translate(1, EDGE.top + this.room.height / 2);
    pen.rotate(-Math.PI / 2);
    pen.textBaseline = "top";
    pen.fillText(shortened(written(this.y.name), 30), 0, 0);
    pen.restore();
  }

  // The points

  drawMarks() {
    const pen = penOf(this.marks, this.width, this.height);
    const { X, y, held_out, painted } = this.scene.points;
    const size = X.length > 700 ? 3 : X.length > 250 ? 3.6 : POINT;
    for (let index = 0; index < X.length; index++) {
      const place = this.placeOf(index);
      this.drawMark(pen, this.across(place.x), this.down(place.y), y[index], Boolean(held_out[index]), Boolean(painted?.[index]), size);
    }
  }

  /** Filled: it is trained on. Hollow: held out. With a hole in the middle: painted by hand. */
  drawMark(pen, left, top, target, isHeldOut, isPainted, size) {
    const color = this.colorOf(target);
    this.drawShape(pen, left, top, this.shapeOf(target), color, isHeldOut, isPainted, size);
  }

  drawShape(pen, left, top, shape, color, isHeldOut, isPainted, size) {
    outline(pen, shape, left, top, size);
    pen.fillStyle = isHeldOut ? palette.ground : color;
    pen.strokeStyle = isHeldOut ? color : palette.ground;
    pen.lineWidth = isHeldOut ? 2 : 1;
    pen.fill();
    pen.stroke();
    if (!isPainted) return;
    pen.fillStyle = isHeldOut ? color : palette.ground;
    pen.beginPath();
    pen.arc(left, top, size * 0.4, 0, 2 * Math.PI);
    pen.fill();
  }

  colorOf(target) {
    const value = Array.isArray(target) ? target[0] : target;
    if (this.scene.task !== "regression") return `rgb(${palette.classColor(Number(value), this.n_classes)})`;
    if (this.isLine) return palette.positive;
    const level = (value - this.target.middle) / this.target.half;
    return `rgb(${palette.mixed(palette.signs[level > 0 ? 1 : 0], 0.25 + 0.75 * Math.min(1, Math.abs(level)))})`;
  }

  shapeOf(target) {
    if (this.scene.task === "regression") return "circle";
    const value = Number(Array.isArray(target) ? target[0] : target);
    return SHAPES[(this.n_classes === 2 ? 1 - value : value) % SHAPES.length];
  }

  /** Where the keyboard is, and which sample is chosen. */
  drawCursor() {
    const pen = penOf(this.cursor, this.width, this.height);
    pen.strokeStyle = palette.accent;
    pen.lineWidth = 2.2;
    if (this.chosen !== null) {
      const place = this.placeOf(this.chosen);
      pen.beginPath();
      pen.arc(this.across(place.x), this.down(place.y), 9, 0, 2 * Math.PI);
      pen.stroke();
    }
    if (!this.spot) return;
    const [left, top] = [this.across(this.spot.x), this.down(this.spot.y)];
    pen.beginPath();
    for (const [across, down] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      pen.moveTo(left + 4 * across, top + 4 * down);
      pen.lineTo(left + 12 * across, top + 12 * down);
    }
    pen.stroke();
  }
}

function extent(numbers) {
  return [Math.min(...numbers), Math.max(...numbers)];
}
