"use strict";
// The heading of each layer: how many units, which activation, and behind "…" the initializer, the
// dropout, and whether there is one layer more or less.

const layers = {
  heading(layer, index, isLast) {
    const name = isLast ? "Output" : `Layer ${index + 1}`;
    const heading = made("div", { class: "heading" }, made("h3", {}, name));
    const { scene } = play;
    const isFree = play.can("layer") && !scene.fixed;
    if (isLast) {
      heading.append(made("p", { class: "head" }, scene.network.head === "identity" ? `${layer.units} ${layer.units === 1 ? "unit" : "units"}` : scene.network.head));
      if (isFree) heading.append(this.more(layer, index, name, true));
      return heading;
    }
    if (!isFree) {
      heading.append(made("p", { class: "head" }, `${layer.units} × ${layer.activation}`));
      return heading;
    }
    const set = (change) => steer({ do: "layer", index, ...change });
    const fewer = made("button", { type: "button", id: `fewer-${index}`, "aria-label": `${name}: one unit less`, onclick: () => set({ units: layer.units - 1 }) }, "−");
    const more = made("button", { type: "button", id: `more-${index}`, "aria-label": `${name}: one unit more`, onclick: () => set({ units: layer.units + 1 }) }, "+");
    if (layer.units <= 1) fewer.setAttribute("aria-disabled", "true");
    const count = made("output", { "aria-label": `${name}: ${layer.units} units` }, String(layer.units));
    heading.append(made("div", { class: "counter" }, fewer, count, more, this.more(layer, index, name, false)));
    heading.append(choice(`activation-${index}`, `${name}: activation`, scene.choices.activation, layer.activation, (activation) => set({ activation })));
    return heading;
  },

  more(layer, index, name, isLast) {
    return made("button", { type: "button", id: `settings-${index}`, class: "more", "aria-label": `${name}: more settings`, "aria-haspopup": "dialog", onclick: () => this.open(layer, index, name, isLast) }, "…");
  },

  /** The settings of a layer that are needed less often. */
  open(layer, index, name, isLast) {
    const { choices } = play.scene;
    const box = byId("layer");
    const set = (change) => steer({ do: "layer", index, ...change });
    const close = () => box.hidePopover();
    const initializer = choice("initializer", "Initial weights", choices.initializer, layer.initializer, (value) => set({ initializer: value }));
    const content = [made("h2", {}, name)];
    if (!isLast) content.push(made("label", { class: "field" }, made("span", {}, "Initial weights"), initializer));
    if (!isLast) {
      const dropout = made("input", { id: "dropout", inputmode: "decimal", autocomplete: "off", "aria-label": "Dropout", value: String(layer.dropout ?? 0), onchange: () => {
        steer({ do: "layer", index, dropout: numberIn(dropout.value) }).then((answer) => answer.ok || (dropout.value = String(layer.dropout ?? 0)));
      } });
      content.push(made("label", { class: "field" }, made("span", {}, "Dropout, 0 to 1"), dropout));
    }
    const add = made("button", { type: "button", id: "add-layer", onclick: () => { close(); steer({ do: "add_layer", index }); } }, isLast ? "Add a layer before it" : "Add a layer before this one");
    content.push(made("p", { class: "row" }, add));
    if (!isLast) {
      content.push(made("p", { class: "row" }, made("button", { type: "button", id: "remove-layer", onclick: () => { close(); steer({ do: "remove_layer", index }); } }, "Remove this layer")));
    }
    content.push(made("p", { class: "hint" }, isLast ? "The training then starts again at step 0." : "All but dropout and activation start again at step 0."));
    byId("layer-content").replaceChildren(...content);
    box.setAttribute("aria-label", `Settings of ${name}`);
    openBeside(box, byId(`settings-${index}`));
    box.ontoggle = ({ newState }) => {
      // a change has made the heading anew: without its button the focus would be nowhere
      if (newState === "closed" && document.activeElement === document.body) byId(`settings-${index}`)?.focus();
    };
  },
};

/** A list to choose from; what is chosen now is in it in any case. */
function choice(id, label, names, chosen, onChange) {
  const list = made("select", { id, "aria-label": label, onchange: () => onChange(list.value) });
  const all = names.includes(chosen) || chosen === null || chosen === undefined ? names : [chosen, ...names];
  list.append(...all.map((name) => made("option", { value: name }, name)));
  if (chosen !== null && chosen !== undefined) list.value = chosen;
  return list;
}

/** The number that a person typed; a text that is none stays a text, which is refused with the reason. */
function numberIn(text) {
  const written = text.trim().replace("−", "-").replace(/^(-?\d*),(\d+)$/, "$1.$2");
  return written !== "" && Number.isFinite(Number(written)) ? Number(written) : text;
}

/** Open a box below the button that it belongs to, or above it where there is no room. */
function openBeside(box, button) {
  box.showPopover();
  const { left, bottom, top } = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = box;
  const below = bottom + 6 + height <= innerHeight ? bottom + 6 : Math.max(8, top - 6 - height);
  Object.assign(box.style, { left: `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`, top: `${below}px` });
  box.querySelector("select, input, button")?.focus();
}
