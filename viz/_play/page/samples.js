"use strict";
// The forward and the backward pass of one sample through the network as it is, in a frame of its own:
// the replay page. What is edited there the engine computes anew.

const samples = {
  index: null,
  edits: null, // {inputs, weights} that were changed in the frame

  build() {
    const dialog = byId("sample");
    byId("sample-close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => this.clear());
    byId("open-sample").addEventListener("click", () => this.open(gallery.responses.chosen[gallery.looked]));
    addEventListener("message", (event) => {
      if (this.index !== null && event.source === this.frame?.contentWindow) this.hear(event.data ?? {});
    });
  },

  /** Open the replay of a sample; the command pauses a training that runs. */
  async open(index) {
    if (!play.can("sample")) return;
    this.index = index;
    this.edits = { inputs: null, weights: null };
    const answer = await steer(this.command());
    if (!answer.ok) return this.clear();
    this.frame = made("iframe", { sandbox: "allow-scripts", title: `Replay of sample ${numberOf(index)}` });
    this.frame.addEventListener("load", () => {
      this.tell({ kind: "theme", dark: document.documentElement.dataset.theme === "dark" });
      this.frame?.focus(); // so that its keys work
    });
    write(byId("sample-name"), `One sample through the network${play.scene.mean ? ", inputs standardized" : ""}`);
    if (answer.path) this.frame.src = answer.path;
    else this.frame.srcdoc = answer.page;
    byId("sample-frame").replaceChildren(this.frame);
    plot.chosen = play.responses.kind === "images" ? null : index;
    if (!byId("sample").open) byId("sample").showModal();
  },

  command() {
    return { do: "sample", index: numberOf(this.index), ...this.edits };
  },

  clear() {
    this.index = null;
    this.frame = null;
    byId("sample-frame").replaceChildren();
    if (play.responses?.kind !== "images") {
      plot.chosen = null;
      plot.drawCursor();
    }
  },

  tell(message) {
    this.frame?.contentWindow?.postMessage(message, "*");
  },

  /** An edit of an input ("x:2") or of a place in the weights ("p:17"), or all of them forgotten. */
  async hear({ kind, leaf, value }) {
    if (kind === "leave") return byId("sample").close();
    if (kind === "reset") this.edits = { inputs: null, weights: null };
    else if (kind === "edit") {
      const [, where, at] = /^([xp]):(\d+)$/.exec(leaf) ?? [];
      if (!where || !Number.isFinite(value)) return;
      const { inputs, weights } = this.edits;
      if (where === "p") this.edits.weights = { ...weights, [at]: value };
      else this.edits.inputs = (inputs ?? Array(play.scene.network.n_inputs).fill(null)).map((each, place) => (place === Number(at) ? value : each));
    } else return;
    const answer = await play.channel.send(this.command());
    if (this.index === null) return;
    if (!answer.ok) return this.tell({ kind: "refused", error: answer.error });
    this.tell({ kind: "page", page: answer.page ?? (await (await fetch(answer.path)).text()) });
  },
};

/** The number of a sample in its data, of which the page may have a part. */
function numberOf(index) {
  return play.scene.points.sample?.[index] ?? index;
}
