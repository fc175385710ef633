"use strict";
// What every unit answers: to each place of a grid over the two columns that are shown (the others at
// their median), along a line where there is one column, or to images that are among the data.

const FEWEST = 16; // places on each side of the grid
const MOST = 48;
const PRODUCTS = 1.6e6; // so many are computed for one picture, in about three milliseconds
const OF_ACTIVATION = 30; // products take as long
const ALONG = 161; // places on the line of a single column
const IMAGES = 60;
const BEYOND = 0.07; // of the range of the data on each side

class Responses {
  constructor(scene) {
    this.scene = scene;
    this.forward = new Forward(scene);
    const { network, columns, ranges, points } = scene;
    this.kind = network.image ? "images" : points.X[0]?.length === 1 || ranges.length === 1 ? "line" : "plane";
    if (this.kind === "images") return this.takeImages();
    this.axes = (this.kind === "line" ? [columns[0] ?? 0] : columns).map((column) => {
      const [low, high] = ranges[column];
      const margin = BEYOND * (high - low) || 0.5;
      return { column, low: low - margin, high: high + margin, name: scene.names[column] };
    });
    this.side = this.kind === "line" ? ALONG : sideFor(network);
    this.count = this.kind === "line" ? ALONG : this.side ** 2;
    this.rows = scene.medians.map((median) => new Float64Array(this.count).fill(median));
    for (let at = 0; at < this.count; at++) {
      const [across, down] = this.kind === "line" ? [at] : [at % this.side, Math.floor(at / this.side)];
      const [x, y] = this.axes;
      this.rows[x.column][at] = x.low + ((x.high - x.low) * across) / (this.side - 1);
      if (y) this.rows[y.column][at] = y.high - ((y.high - y.low) * down) / (this.side - 1);
    }
  }

  /** The first held-out images, since those are the ones that tell how good the network is. */
  takeImages() {
    const { X, held_out } = this.scene.points;
    this.chosen = [...X.keys()].filter((index) => held_out[index]).concat([...X.keys()].filter((index) => !held_out[index]));
    this.chosen = this.chosen.slice(0, IMAGES);
    this.count = this.chosen.length;
    this.rows = (X[0] ?? []).map((_, column) => Float64Array.from(this.chosen, (index) => X[index][column]));
  }

  /** The answers of all units with these weights: {inputs, layers, outputs}, one row for each unit. */
  run(flat) {
    return this.forward.run(flat, this.rows);
  }
}

function sideFor(network) {
  let [products, inputs] = [0, network.n_inputs];
  for (const { units } of network.layers) {
    products += units * (inputs + OF_ACTIVATION);
    inputs = units;
  }
  return Math.max(FEWEST, Math.min(MOST, Math.floor(Math.sqrt(PRODUCTS / Math.max(products, 1)))));
}

/** The numbers of one unit. */
function rowOf(numbers, unit, count) {
  return numbers.subarray(unit * count, (unit + 1) * count);
}

/** The largest size of finite numbers, to scale a picture by. */
function largest(numbers) {
  let most = 0;
  for (const number of numbers) {
    const size = Math.abs(number);
    if (size > most && size < Infinity) most = size;
  }
  return most;
}

/** Answers as an image, one pixel a place; what is below 1 everywhere is pale. */
function paintMap(canvas, numbers, width, most = Math.max(1, largest(numbers)), height = width) {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
    canvas.image = canvas.pixels = null;
  }
  const pen = canvas.getContext("2d");
  canvas.image ??= pen.createImageData(width, height);
  canvas.pixels ??= new Uint32Array(canvas.image.data.buffer);
  for (let at = 0; at < canvas.pixels.length; at++) {
    const number = numbers[at];
    canvas.pixels[at] = Number.isFinite(number) ? palette.response[levelOf(number / most)] : NO_NUMBER;
  }
  pen.putImageData(canvas.image, 0, 0);
}

/** Answers along a line, as a curve; zero is in the middle. */
function paintCurve(canvas, numbers, size) {
  const pen = penOf(canvas, size, size);
  const most = largest(numbers) || 1;
  pen.strokeStyle = palette.rim;
  pen.lineWidth = 0.7;
  pen.beginPath();
  pen.moveTo(0, size / 2);
  pen.lineTo(size, size / 2);
  pen.stroke();
  pen.strokeStyle = palette.positive;
  pen.lineWidth = 1.8;
  pen.beginPath();
  for (let at = 0; at < numbers.length; at++) {
    pen.lineTo((at * size) / (numbers.length - 1), size / 2 - (0.36 * size * numbers[at]) / most);
  }
  pen.stroke();
}
