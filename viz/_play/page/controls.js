"use strict";
// What a person steers: the settings beside the network and the buttons below it. Each control follows
// the scene that comes back, so that it shows what the training does, also where another page steered.

/** Settings by their name: those of the data, and those of the training, which need no reset. */
const FIELDS = {
  "data-fields": [
    { name: "noise", label: "Noise", suggestions: ["0", "0.05", "0.1", "0.2", "0.3", "0.5"] },
    { name: "n_samples", label: "Samples", suggestions: ["50", "100", "200", "500", "1000"] },
    { name: "held_out", label: "Held out", suggestions: ["0.1", "0.25", "0.5"] },
  ],
  "training-fields": [
    { name: "optimizer", label: "Optimizer", choices: "optimizer" },
    { name: "learning_rate", label: "Learning rate", suggestions: ["0.0001", "0.001", "0.003", "0.01", "0.03", "0.1", "0.3", "1", "3"] },
    { name: "batch_size", label: "Batch size", empty: "all", suggestions: ["1", "8", "16", "32", "64"] },
    { name: "l1", label: "L1 penalty", suggestions: ["0", "0.00001", "0.0001", "0.001", "0.01"] },
    { name: "l2", label: "L2 penalty", suggestions: ["0", "0.00001", "0.0001", "0.001", "0.01"] },
  ],
};

const MADE = ["noise", "n_samples"]; // these belong to data that are made

const controls = {
  isHeld: false, // whether the slider follows the hand and not the frames
  wanted: null, // the step that the slider asks for next

  build() {
    for (const [place, fields] of Object.entries(FIELDS)) byId(place).replaceChildren(...fields.map((field) => this.field(field)));
    const press = {
      play: () => this.setPlaying(!play.frame?.playing),
      back: () => steer({ do: "back", n: 1 }),
      step: () => steer({ do: "step", n: 1 }),
      epoch: () => steer({ do: "epoch" }),
      rewind: () => steer({ do: "rewind" }),
      seed: () => steer({ do: "seed", seed: null }),
      theme: () => setTheme(document.documentElement.dataset.theme !== "dark"),
      "notice-close": () => notice(""),
    };
    for (const [id, action] of Object.entries(press)) {
      byId(id).addEventListener("click", () => byId(id).getAttribute("aria-disabled") === "true" || action());
    }
    byId("speed").addEventListener("change", () => play.frame?.playing && this.setPlaying(true));
    byId("data-name").addEventListener("change", () => steer({ do: "data", name: byId("data-name").value }));
    for (const id of ["column-x", "column-y"]) {
      byId(id).addEventListener("change", () => steer({ do: "columns", columns: [Number(byId("column-x").value), Number(byId("column-y").value)] }));
    }
    const slider = byId("slider");
    slider.addEventListener("input", () => this.scrub(Number(slider.value)));
    slider.addEventListener("change", () => (this.isHeld = false));
    document.addEventListener("keydown", (event) => this.onKey(event));
  },

  field(field) {
    const { name, label, choices, suggestions, empty } = field;
    const id = `set-${name}`;
    const error = made("span", { class: "wrong", id: `${id}-error`, role: "status" });
    const attributes = { id, "aria-describedby": `${id}-error` };
    const control = choices
      ? made("select", attributes)
      : made("input", { ...attributes, inputmode: "decimal", autocomplete: "off", spellcheck: "false", list: `${id}-list`, placeholder: empty ?? null });
    control.addEventListener("change", async () => {
      const typed = control.value.trim();
      const value = choices ? typed : empty && ["", empty].includes(typed) ? null : numberIn(typed);
      const answer = await steer({ do: "set", name, value }, error);
      control.setAttribute("aria-invalid", String(!answer.ok));
      if (answer.ok) write(error, "");
    });
    const parts = [made("label", { for: id }, label), control];
    if (suggestions) parts.push(made("datalist", { id: `${id}-list` }, ...suggestions.map((value) => made("option", { value }))));
    return made("div", { class: choices ? "field whole" : "field", id: `${id}-field` }, ...parts, error);
  },

  // What the scene says

  follow(scene) {
    const { settings, choices, fixed, names, columns } = scene;
    const hasColumns = play.can("columns") && names.length > 2 && !scene.network.image;
    write(byId("title"), scene.title);
    document.title = `${scene.title} · training`;
    const ofData = FIELDS["data-fields"].map(({ name }) => name);
    for (const { name, choices: kind } of Object.values(FIELDS).flat()) {
      const isOther = (MADE.includes(name) && !(choices.made ?? []).includes(settings.data)) || (fixed && ofData.includes(name));
      const isUsed = play.can("set") && Object.hasOwn(settings, name) && !isOther;
      byId(`set-${name}-field`).hidden = !isUsed;
      if (!isUsed) continue;
      const control = byId(`set-${name}`);
      if (kind) fill(control, choices[kind], settings[name]);
      else if (control === document.activeElement && control.getAttribute("aria-invalid") === "true") continue;
      else control.value = settings[name] === null ? "" : String(settings[name]);
      control.setAttribute("aria-invalid", "false");
      write(byId(`set-${name}-error`), "");
    }
    fill(byId("data-name"), choices.data ?? [], settings.data ?? scene.title);
    const hasData = play.can("data") && !fixed;
    byId("data").hidden = !hasData && !hasColumns;
    byId("data-name").parentElement.hidden = !hasData;
    byId("training").hidden = !play.can("set");
    byId("seed").hidden = !play.can("seed") || Boolean(fixed);
    write(byId("fixed"), fixed ?? "");
    byId("restarts").hidden = Boolean(fixed) || !play.can("layer");
    byId("csv").parentElement.hidden = Boolean(fixed) || !play.can("csv");
    byId("columns").hidden = !hasColumns;
    for (const [id, at] of [["column-x", 0], ["column-y", 1]]) {
      byId(id).replaceChildren(...names.map((name, column) => made("option", { value: String(column) }, name)));
      byId(id).value = String(columns[at] ?? 0);
    }
    for (const id of ["back", "step", "epoch", "rewind", "play"]) byId(id).hidden = !play.can(id);
    document.body.classList.toggle("alone", !play.can("set") && !hasColumns);
  },

  // What the frame says

  show(frame) {
    const { playing, step } = frame;
    byId("play").classList.toggle("playing", playing);
    byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
    for (const id of ["back", "rewind"]) byId(id).setAttribute("aria-disabled", String(step === 0));
    const slider = byId("slider");
    slider.max = String(Math.max(frame.last ?? step, step, 1));
    if (!this.isHeld && this.wanted === null) slider.value = String(step);
    slider.setAttribute("aria-valuetext", `step ${step}`);
    const facts = {
      step: String(step),
      epoch: frame.epoch.toFixed(2),
      loss: steady(frame.loss),
      "held-out-loss": steady(frame.held_out_loss),
      accuracy: percent(frame.accuracy),
      "held-out-accuracy": percent(frame.held_out_accuracy),
    };
    for (const [id, text] of Object.entries(facts)) write(byId(`fact-${id}`), text);
    byId("fact-loss").title = `loss ${frame.loss}`;
    byId("fact-held-out-loss").title = `held-out loss ${frame.held_out_loss}`;
    for (const id of ["accuracy", "held-out-accuracy"]) byId(`fact-${id}`).parentElement.hidden = !facts[id];
    byId("fact-held-out-loss").parentElement.hidden = frame.held_out_loss === undefined || (frame.held_out_loss === null && !play.scene.points.held_out.some(Boolean));
    write(byId("remark"), frame.remark ?? "");
    write(byId("advice"), frame.advice ?? "");
    byId("advice").hidden = !frame.advice;
    byId("remark").hidden = !frame.remark;
  },

  setPlaying(isPlaying) {
    const speed = byId("speed").value;
    return steer(isPlaying ? { do: "play", speed: speed === "" ? null : Number(speed) } : { do: "pause" });
  },

  /** One question at a time; of those that come meanwhile the last one counts. */
  async scrub(step) {
    this.isHeld = true;
    const isBusy = this.wanted !== null;
    this.wanted = step;
    if (isBusy) return;
    for (let asked = null; asked !== this.wanted; ) {
      asked = this.wanted;
      await steer({ do: "go_to", step: asked });
    }
    this.wanted = null;
    this.isHeld = false;
  },

  /** Close what lies on top: a browser closes boxes by itself, then the message, then the formula. */
  onEscape() {
    if (document.querySelector(":popover-open, dialog[open]")) return;
    if (byId("notice").hidden) formula.close();
    else notice("");
  },

  KEYS: {
    " ": () => byId("play").click(),
    ArrowRight: (event) => byId(event.shiftKey ? "epoch" : "step").click(),
    ArrowLeft: () => byId("back").click(),
    Home: () => byId("rewind").click(),
    "?": () => byId("help").togglePopover(),
  },

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape") return this.onEscape();
    const { target } = event;
    const isElsewhere = target.closest?.("input, select, textarea, dialog, [popover], #plot");
    if (isElsewhere && !(event.key === "?" && target.id === "help")) return;
    if (target.closest?.("button, a") && event.key === " ") return; // the space bar presses a button
    if (!Object.hasOwn(this.KEYS, event.key)) return;
    event.preventDefault();
    this.KEYS[event.key](event);
  },
};

/** The choices of a list, changed only where they are others: an open list stays open. */
function fill(list, names, chosen) {
  const all = names.includes(chosen) ? names : [chosen, ...names];
  const before = Array.from(list.options, ({ value }) => value);
  if (all.join("\n") !== before.join("\n")) list.replaceChildren(...all.map((name) => made("option", { value: name }, shortened(String(name), 28))));
  list.value = chosen;
}

/**
 * Send a command; what is refused is said, beside the control where it has a place for that. A message
 * about what was before is closed when a person goes on.
 */
async function steer(command, place = null) {
  const before = byId("notice-text").textContent;
  const answer = await play.channel.send(command);
  if (answer.ok) {
    if (command.do !== "formula" && byId("notice-text").textContent === before) notice(""); // the page asks for that one
    return answer;
  }
  const reason = answer.error ?? "this was refused, without a reason";
  if (place) write(place, reason);
  else notice(reason, true);
  return answer;
}
