"use strict";
// A table of a person's own that comes in; the model, the code and the run that go out.

const MOST_BYTES = 8e6;
const MOST_OF_RUN = 16e6; // bytes, as many as the training takes at once

const files = {
  table: null, // {name, text} of the table that came in by this page

  build() {
    byId("csv").addEventListener("change", () => {
      if (byId("csv").files[0]) this.load(byId("csv").files[0]);
      byId("csv").value = "";
    });
    const isFile = ({ dataTransfer }) => [...(dataTransfer?.types ?? [])].includes("Files");
    document.addEventListener("dragover", (event) => {
      if (!isFile(event)) return;
      event.preventDefault();
      document.body.classList.add("dropping");
    });
    document.addEventListener("dragleave", (event) => event.relatedTarget ?? document.body.classList.remove("dropping"));
    document.addEventListener("drop", (event) => {
      if (!isFile(event)) return;
      event.preventDefault();
      document.body.classList.remove("dropping");
      const [file] = event.dataTransfer.files;
      if (file && play.can("csv")) this.load(file);
      else if (file) notice("This page shows a recorded training, which takes no other data.", true);
    });
    byId("target-name").addEventListener("change", () => {
      const { target } = play.scene.settings.table;
      steer({ do: "csv", ...this.table, target: byId("target-name").value }).then(({ ok }) => ok || (byId("target-name").value = target));
    });
    byId("run-file").addEventListener("change", async () => {
      const [file] = byId("run-file").files;
      byId("run-file").value = "";
      if (file?.size > MOST_OF_RUN) notice(`${file.name} has ${Math.round(file.size / 1e6)} MB: a run has less than 16 MB.`, true);
      else if (file) await this.restore(await file.text());
    });
    for (const button of document.querySelectorAll("[data-export]")) {
      button.addEventListener("click", () => button.getAttribute("aria-disabled") === "true" || this.export(button.dataset.export));
    }
    byId("export-link").addEventListener("click", () => this.link());
  },

  async load(file) {
    if (file.size > MOST_BYTES) return notice(`${file.name} has ${Math.round(file.size / 1e6)} MB: at most 8 MB are read. Keep fewer rows.`, true);
    const before = this.table;
    this.table = { name: file.name, text: await file.text() };
    const answer = await steer({ do: "csv", ...this.table, target: null });
    if (!answer.ok) this.table = before;
    else notice(`${file.name} is read: the training starts with it at step 0.`);
  },

  follow(scene) {
    const table = scene.settings?.table;
    const isOurs = Boolean(table) && table.name === this.table?.name; // other pages do not have its text
    byId("target").hidden = !isOurs;
    if (isOurs) fill(byId("target-name"), scene.names, table.target);
    byId("exports").hidden = !play.can("export");
    const can = (kind) => (scene.can ?? []).includes(`export_${kind}`);
    const onnx = document.querySelector("[data-export=onnx]");
    onnx.setAttribute("aria-disabled", String(!can("onnx")));
    onnx.title = can("onnx") ? "" : "Needs the package onnx where the training runs: pip install onnx";
    for (const kind of ["python", "json"]) document.querySelector(`[data-export=${kind}]`).hidden = !can(kind);
    byId("export-link").hidden = byId("run-file").parentElement.hidden = !can("json");
  },

  async export(kind) {
    byId("export").hidePopover();
    const answer = await play.channel.download(kind);
    if (!answer.ok) return notice(answer.error ?? "this file could not be made", true);
    const address = URL.createObjectURL(answer.blob);
    made("a", { href: address, download: answer.filename }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
    notice(`${answer.filename} is written to your downloads.`);
  },

  // The run as a link: its settings and changes, compressed, behind the "#" of the address

  async link() {
    byId("export").hidePopover();
    const answer = await play.channel.download("json");
    if (!answer.ok) return notice(answer.error ?? "the run could not be written", true);
    const packed = await through(new CompressionStream("deflate-raw"), answer.blob);
    const text = btoa(Array.from(new Uint8Array(packed), (byte) => String.fromCharCode(byte)).join(""));
    const link = `${location.href.split("#")[0]}#run=${text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;
    try {
      await navigator.clipboard.writeText(link);
      notice("The link to this run is copied. It holds settings and changes, and trains again from them. It opens on this computer while this program runs; for another one take “Run as a file”.");
    } catch {
      notice("Copy the link to this run: ");
      const field = made("input", { readonly: true, value: link, "aria-label": "Link to this run" });
      byId("notice-text").append(field);
      field.select();
    }
  },

  /** `#run=...` restores a run, once; the address is then as it was. */
  async fromAddress() {
    const packed = new URLSearchParams(location.hash.slice(1)).get("run");
    if (packed === null || !play.can("restore")) return;
    history.replaceState(null, "", location.pathname + location.search);
    try {
      const letters = atob(packed.replaceAll("-", "+").replaceAll("_", "/"));
      const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
      const run = await through(new DecompressionStream("deflate-raw"), new Blob([bytes]), MOST_OF_RUN);
      if (run === null) notice("The link holds more than the 16 MB that a run has at most.", true);
      else await this.restore(new TextDecoder().decode(run));
    } catch {
      notice("The link holds no run, or not all of it: copy it again.", true);
    }
  },

  async restore(run) {
    const answer = await steer({ do: "restore", run });
    if (answer.ok) notice("The run is restored: it was trained again, step by step.");
  },
};

/** What comes out of a stream that packs or unpacks; null, and it ends, where that is more bytes than `most`. */
async function through(stream, blob, most = Infinity) {
  const reader = blob.stream().pipeThrough(stream).getReader();
  const parts = [];
  let size = 0;
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    size += value.length;
    if (size > most) {
      reader.cancel().catch(() => {});
      return null;
    }
    parts.push(value);
  }
  return new Blob(parts).arrayBuffer();
}
