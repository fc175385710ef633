// The forward pass of a network as the scene describes it, with the weights of a frame, for many points at once.

/** What a feature of two columns is; of other tables each feature is a column. */
const FEATURE_FUNCTIONS = new Map([
  ["x1", (x1) => x1],
  ["x2", (x1, x2) => x2],
  ["x1^2", (x1) => x1 * x1],
  ["x2^2", (x1, x2) => x2 * x2],
  ["x1*x2", (x1, x2) => x1 * x2],
  ["sin(x1)", (x1) => Math.sin(x1)],
  ["sin(x2)", (x1, x2) => Math.sin(x2)],
]);

/** The function of that name; what cannot run in a page says why. */
function activationNamed(name) {
  const found = ACTIVATION_FUNCTIONS.get(name);
  if (typeof found === "function") return found;
  throw new Error(found ?? `this page was written without the activation ${name}`);
}

/** Numbers in rows of n, one row for each unit, become shares of 1 in each column. */
function softmaxOf(numbers, n) {
  for (let point = 0; point < n; point++) {
    let [largest, total] = [-Infinity, 0];
    for (let at = point; at < numbers.length; at += n) largest = Math.max(largest, numbers[at]);
    for (let at = point; at < numbers.length; at += n) total += numbers[at] = Math.exp(numbers[at] - largest);
    for (let at = point; at < numbers.length; at += n) numbers[at] /= total;
  }
}

/** Each number becomes what the function gives. */
function becomes(numbers, activation) {
  for (let at = 0; at < numbers.length; at++) numbers[at] = activation(numbers[at]);
}

class Forward {
  constructor(scene) {
    this.scene = scene;
    this.inputs = scene.features.filter((feature) => feature.on);
    for (const { activation } of scene.network.layers) if (activation !== "softmax") activationNamed(activation);
  }

  /** The weights of a frame: the flat vector that the network's offsets are places in. */
  flat(base64) {
    const letters = atob(base64);
    const view = new DataView(new ArrayBuffer(letters.length));
    for (let at = 0; at < letters.length; at++) view.setUint8(at, letters.charCodeAt(at));
    const flat = new Float32Array(letters.length / 4);
    for (let place = 0; place < flat.length; place++) flat[place] = view.getFloat32(4 * place, true);
    return flat;
  }

  /**
   * All units at many points.
   *
   * `rows` has an array of n numbers for each raw column. Each array of the result has n numbers for each unit, unit
   * after unit: `inputs` of the first layer; `layers` behind the activation, the last one before the head; `outputs`
   * behind it, and in the units of the data where a regression learns standardized targets.
   */
  run(flat, rows) {
    const n = rows[0].length;
    const { layers, head } = this.scene.network;
    const inputs = this.featuresOf(rows, n);
    let numbers = inputs;
    const found = layers.map((layer) => (numbers = this.through(layer, flat, numbers, n)));
    const outputs = Float64Array.from(numbers);
    if (head === "sigmoid") becomes(outputs, Special.sigmoid);
    else if (head === "softmax") softmaxOf(outputs, n);
    if (this.scene.target_scale) this.rescale(outputs, n, this.scene.target_scale);
    return { inputs, layers: found, outputs };
  }

  rescale(outputs, n, { mean, scale }) {
    for (let at = 0; at < outputs.length; at++) {
      const output = Math.floor(at / n);
      outputs[at] = mean[output] + scale[output] * outputs[at];
    }
  }

  /** What the first layer takes, standardized. */
  featuresOf(rows, n) {
    const { mean, scale } = this.scene;
    const found = new Float64Array(this.inputs.length * n);
    this.inputs.forEach((feature, place) => {
      const [shift, divisor] = mean ? [mean[place], scale[place]] : [0, 1];
      const own = rows.length === 2 && FEATURE_FUNCTIONS.get(feature.name);
      const column = own ? 0 : this.columnOf(feature);
      for (let point = 0; point < n; point++) {
        const number = own ? own(rows[0][point], rows[1][point]) : rows[column][point];
        found[place * n + point] = (number - shift) / divisor;
      }
    });
    return found;
  }

  /** The column that a feature is: its `of` is "column 3". */
  columnOf({ of }) {
    return Number(of.slice("column ".length));
  }

  through(layer, flat, inputs, n) {
    const { units, W, b, norm, activation } = layer;
    const found = W ? new Float64Array(units * n) : Float64Array.from(inputs);
    for (let unit = 0; unit < units; unit++) {
      const row = found.subarray(unit * n, (unit + 1) * n);
      if (W) this.sum(flat, inputs, row, W.at + unit * W.row, b ? flat[b.at + unit * b.row] : 0);
      if (norm) this.normalize(flat, row, norm, unit);
    }
    if (activation === "softmax") softmaxOf(found, n);
    else becomes(found, activationNamed(activation));
    return found;
  }

  /** The bias and weight after weight, over all points. */
  sum(flat, inputs, row, first, bias) {
    const n = row.length;
    row.fill(bias);
    for (let start = 0, place = first; start < inputs.length; start += n, place++) {
      const weight = flat[place];
      for (let point = 0; point < n; point++) row[point] += weight * inputs[start + point];
    }
  }

  /** Batch normalization by the running statistics. */
  normalize(flat, row, { gamma, beta, mean, var: variance, eps }, unit) {
    const scale = (gamma === null ? 1 : flat[gamma + unit]) / Math.sqrt(flat[variance + unit] + eps);
    const [center, shift] = [flat[mean + unit], beta === null ? 0 : flat[beta + unit]];
    for (let point = 0; point < row.length; point++) row[point] = scale * (row[point] - center) + shift;
  }
}
