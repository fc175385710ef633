"use strict";
// The formula of a unit with its weights plugged in. While the training runs it follows the weights;
// at rest the engine is asked for all digits. A weight can be set by hand.

const formula = {
  place: null, // {layer, unit}
  asked: 0,

  open(layer, unit) {
    if (this.place?.layer === layer && this.place.unit === unit) return this.close();
    this.place = { layer, unit };
    byId("formula").hidden = false;
    this.build();
    network.look(network.columns[layer + 1].places[unit]);
    requestDraw("lines");
    byId("formula").scrollIntoView({ block: "nearest" });
    byId(`unit-${layer}-${unit}`).scrollIntoView({ block: "nearest" });
    whisper(`${this.name()}: ${byId("formula-text").textContent}`);
  },

  close() {
    if (!this.place) return;
    const { layer, unit } = this.place;
    const isInside = byId("formula").contains(document.activeElement);
    this.place = null;
    byId("formula").hidden = true;
    this.mark();
    if (isInside) byId(`unit-${layer}-${unit}`)?.focus();
    network.look(null);
    requestDraw("lines");
  },

  /** Show whose formula it is. */
  mark() {
    for (const element of document.querySelectorAll(".unit.chosen")) element.classList.remove("chosen");
    if (this.place) byId(`unit-${this.place.layer}-${this.place.unit}`).classList.add("chosen");
  },

  name() {
    const { layer, unit } = this.place;
    const isLast = layer === play.scene.network.layers.length - 1;
    return isLast ? `Output ${outputName(play.scene, unit) || unit + 1}` : `Layer ${layer + 1}, unit ${unit + 1}`;
  },

  /** What goes into a layer, by name. */
  inputs(layer) {
    const { network: net, features } = play.scene;
    if (layer > 0) return Array.from({ length: net.layers[layer - 1].units }, (_, unit) => `h${subscript(layer)},${subscript(unit + 1)}`);
    const on = features.filter((feature) => feature.on).map((feature) => shortened(written(feature.name), 24));
    return on.length === net.n_inputs ? on : Array.from({ length: net.n_inputs }, (_, at) => `x${subscript(at + 1)}`);
  },

  build() {
    const { layer, unit } = this.place;
    const spec = play.scene.network.layers[layer];
    write(byId("formula-name"), this.name());
    const names = this.inputs(layer);
    const isFree = play.can("set_weight") && Boolean(spec.W);
    const cell = (name, at) => {
      const id = `weight-${at}`;
      const input = made("input", { id, inputmode: "decimal", autocomplete: "off", readonly: !isFree });
      input.addEventListener("change", async () => {
        const answer = await steer({ do: "set_weight", at, value: numberIn(input.value) }, byId("formula-error"));
        if (answer.ok) write(byId("formula-error"), "");
      });
      return made("div", { class: "weight" }, made("label", { for: id }, name), input);
    };
    const cells = spec.W ? names.map((name, input) => cell(name, spec.W.at + unit * spec.W.row + input)) : [];
    if (spec.b) cells.push(cell("bias", spec.b.at + unit * spec.b.row));
    byId("weights").replaceChildren(...cells);
    write(byId("formula-error"), "");
    const { mean, scale, features } = play.scene;
    const on = features.filter((feature) => feature.on);
    const isScaled = layer === 0 && mean && on.length <= 4;
    write(byId("formula-hint"), isScaled ? `Features come in standardized: ${on.map(({ name }, at) => `${shortened(written(name), 20)} is (${shortened(written(name), 20)} − ${bracketed(mean[at])}) / ${shown(scale[at])}`).join(", ")}.` : layer === 0 && mean ? "Features come in standardized: minus their mean, divided by their spread." : "");
    this.mark();
    this.show();
  },

  /** The formula and the numbers for the weights of the frame. */
  show() {
    if (!this.place || !play.frame) return;
    const { layer, unit } = this.place;
    const spec = play.scene.network.layers[layer];
    write(byId("formula-text"), formulaOf(spec, play.flat, unit, this.inputs(layer), this.left(), play.scene.network, layer));
    for (const input of byId("weights").querySelectorAll("input")) {
      const text = String(single(play.flat[Number(input.id.slice(7))]));
      if (input !== document.activeElement && input.value !== text) input.value = text;
    }
    byId("exact").hidden = play.frame.playing || !play.can("formula");
    if (!byId("exact").hidden) this.ask();
  },

  left() {
    const { layer, unit } = this.place;
    const isLast = layer === play.scene.network.layers.length - 1;
    return isLast ? `ŷ${play.scene.network.layers.at(-1).units > 1 ? subscript(unit + 1) : ""}` : `h${subscript(layer + 1)},${subscript(unit + 1)}`;
  },

  /** All digits, from the engine. */
  async ask() {
    const key = `${play.frame.version} ${play.frame.step} ${this.place.layer} ${this.place.unit} ${play.frame.weights}`;
    if (this.key === key) return;
    this.key = key;
    const answer = await steer({ do: "formula", ...this.place }, byId("formula-error"));
    if (this.key !== key || !answer.ok) return;
    write(byId("exact-text"), answer.text);
    write(byId("exact-latex"), answer.latex);
  },
};

function subscript(number) {
  return [...String(number)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]).join("");
}

function bracketed(number) {
  return number < 0 ? `(${shown(number)})` : shown(number);
}

/** The numbers times their names, with signs between them. */
function sumOf(terms) {
  return terms.map(([number, name], at) => {
    const sign = number < 0 || Object.is(number, -0) ? (at ? " − " : "−") : at ? " + " : "";
    return `${sign}${shown(Math.abs(number))}${name ? ` · ${name}` : ""}`;
  }).join("");
}

/** How a unit is computed from what goes in: activation(norm(weights · inputs + bias)). */
function formulaOf(spec, flat, unit, names, left, net, layer) {
  const terms = spec.W ? names.map((name, input) => [weightOf(spec, flat, unit, input), name]) : [[1, names[unit]]];
  if (spec.b) terms.push([biasOf(spec, flat, unit), ""]);
  let text = spec.W ? sumOf(terms) : names[unit];
  if (spec.norm) {
    const [gamma, beta, mean, variance] = ["gamma", "beta", "mean", "var"].map((key) => (spec.norm[key] === null ? null : flat[spec.norm[key] + unit]));
    text = `(${text} − ${bracketed(mean)}) / √(${shown(variance)} + ${shown(spec.norm.eps)})`;
    if (gamma !== null) text = `${bracketed(gamma)} · ${text}`;
    if (beta !== null) text = `${text} + ${bracketed(beta)}`;
  }
  if (!["identity", "linear", "none", "", null].includes(spec.activation)) text = `${spec.activation}(${text})`;
  const isLast = layer === net.layers.length - 1;
  if (isLast && net.head !== "identity") text = net.head === "softmax" ? `softmax over the outputs of ${text}` : `${net.head}(${text})`;
  return `${left} = ${text}`;
}
