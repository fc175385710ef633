"use strict";
// Leaves whose number can be changed. This page cannot compute: it tells the page around it, {kind: "edit",
// leaf, value}, which lets the engine compute anew and answers with {kind: "page", page}, a page whose data
// are shown here, or with {kind: "refused", error}.

const PATIENCE = 15000; // milliseconds until a page that does not answer is said
const RECORDED = /<script type="text\/plain" id="recorded">([^<]*)</; // no "<" is in the data

const edits = {
  open: null, // the leaf whose field is open
  asked: null, // what has no answer yet: {leaf, timer}
  before: new Map(), // leaf -> its number before it was changed
  outcome: [], // what the last change did

  begin() {
    addEventListener("message", ({ source, data }) => source === window.parent && this.hear(data ?? {}));
  },

  tell(message) {
    window.parent.postMessage(message, "*"); // whose address a frame cannot know; there is no secret in it
  },

  hear({ kind, page, error, dark }) {
    if (kind === "theme") setTheme(Boolean(dark));
    if (!this.asked || (kind !== "page" && kind !== "refused")) return;
    const { leaf, timer } = this.asked;
    clearTimeout(timer);
    this.asked = null;
    if (kind === "refused") this.refuse(String(error));
    else this.take(String(page), leaf);
  },

  /** Show the data of another page of the same graph; step, neurons and focus stay as they are. */
  take(page, leaf) {
    const [old, replaced] = [trace.nodes[trace.root].data, trace.nodes[leaf]?.data];
    const packed = RECORDED.exec(page)?.[1];
    if (packed === undefined) return this.refuse("The answer is no page of a replay.");
    if (leaf === null) this.before.clear();
    else if (!this.before.has(leaf)) this.before.set(leaf, replaced);
    this.open = null;
    exchange(JSON.parse(unpacked(packed)));
    const [output, changed] = [trace.nodes[trace.root], trace.nodes[leaf]];
    if (changed?.data.exact === this.before.get(leaf)?.exact) this.before.delete(leaf);
    const all = "All numbers are those of the start again";
    const from = (node, number, look) => [": ", number[look], " → ", node.data[look]];
    const written = changed ? [writtenName(changed), ...from(changed, replaced, "shown")] : [all];
    const isTold = !asking?.isOn; // a quiz may ask for the output
    this.outcome = isTold ? [...written, "; ", writtenName(output), ...from(output, old, "shown")] : written;
    showDetails();
    const was = ({ code, data }, { exact }) => `${code} was ${exact} and is ${data.exact}`;
    const said = changed ? was(changed, replaced) : all;
    byId("live").textContent = `${said}${isTold ? `; ${was(output, old)}` : ""}.`;
    (byId("details").querySelector(`[data-keep="leaf${leaf}"]`) ?? scene.itemOf[focused].element).focus();
  },

  refuse(error) {
    if (selected !== null) showDetails();
    notice(error);
  },

  ask(message, leaf) {
    const timer = setTimeout(() => {
      this.asked = null;
      this.refuse("The page around this one does not answer: is its program still running?");
    }, PATIENCE);
    this.asked = { leaf, timer };
    showDetails();
    this.tell(message);
  },

  /** Open the field of a leaf, which is selected, or is in the neuron that is. */
  edit(leaf) {
    if (timer !== null) setPlaying(false);
    this.open = leaf;
    if (selected !== leaf && scene.groupOf[leaf]?.head !== selected) select(scene.itemOf[leaf].node.index);
    else showDetails();
    const field = byId("new-number");
    field.focus();
    field.select();
  },

  leave() {
    const leaf = this.open;
    this.open = null;
    showDetails();
    byId("details").querySelector(`[data-keep="leaf${leaf}"]`)?.focus();
  },

  /** The number of a leaf: a button, and while it is edited a field. */
  numberOf(node, name = ["data"]) {
    if (this.open === node.index) return this.fieldOf(node, name);
    const attributes = { type: "button", class: "number", "data-keep": `leaf${node.index}`, "aria-label": `Edit ${node.code}, now ${node.data.exact}` };
    const button = made("button", attributes, node.data.exact);
    button.addEventListener("click", () => this.edit(node.index));
    const before = this.before.get(node.index);
    const was = before ? [" ", made("span", { class: "was", title: before.exact }, `was ${before.shown}`)] : [];
    return made("p", {}, ...name, " = ", button, ...was);
  },

  fieldOf(node, name) {
    const keep = `leaf${node.index}`;
    const before = byId("new-number"); // what is typed stays while the panel is made anew
    const field = made("input", { id: "new-number", "data-keep": keep, inputmode: "text", autocomplete: "off", spellcheck: "false", "aria-label": `New number of ${node.code}` });
    field.value = before?.dataset.keep === keep ? before.value : node.data.exact;
    const fault = made("p", { id: "fault", role: "alert" });
    const set = made("button", { type: "button" }, "Set");
    const block = made("div", { class: "field" }, ...name, " = ", field, " ", set, fault); // a frame may forbid forms
    if (this.asked) block.setAttribute("aria-busy", "true");
    const send = () => this.asked || this.send(node, field, fault);
    set.addEventListener("click", send);
    field.addEventListener("keydown", (event) => event.key === "Enter" && send());
    block.addEventListener("keydown", (event) => event.key === "Escape" && this.leave());
    return block;
  },

  send(node, field, fault) {
    const text = field.value.trim().replace("−", "-");
    const value = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : NaN;
    if (Number.isFinite(value)) return this.ask({ kind: "edit", leaf: node.leaf, value }, node.index);
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", "fault");
    fault.textContent = "Type a number, such as -0.5 or 1e-3.";
    field.focus();
  },

  /** What the details of a node have besides: the leaves of a neuron, and what edits have done. */
  *rest(node, group) {
    if (group && scene.collapsed.has(group)) {
      const leaves = group.members.map((index) => trace.nodes[index]).filter((member) => member.leaf !== undefined);
      if (leaves.length) yield made("h3", {}, "Numbers that you can change");
      for (const leaf of leaves) yield this.numberOf(leaf, [writtenName(leaf, LONGEST_NAME, group)]);
    }
    if (this.asked) yield made("p", { class: "outcome" }, "The engine computes …");
    else if (this.outcome.length) yield made("p", { class: "outcome" }, ...this.outcome.map((part) => part.cloneNode?.(true) ?? part));
    if (!this.before.size) return;
    const undo = made("button", { type: "button", "data-keep": "undo" }, "Undo all edits");
    undo.addEventListener("click", () => !this.asked && this.ask({ kind: "reset" }, null));
    yield made("p", {}, undo);
  },
};
