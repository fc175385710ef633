"use strict";
// The link to a step: `#step=12` at the end of the page's address follows the steps, and is read.

const SETTLED = 150; // milliseconds; browsers refuse to write an address too often

const address = {
  timer: null,
  isKept: location.protocol === "file:" || location.protocol.startsWith("http"), // not inside a notebook

  /** Write a step into the address, once it stays for a moment. */
  follow(step) {
    if (!this.isKept || (step === 0 && !location.hash)) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => history.replaceState(null, "", `#step=${step}`), SETTLED);
  },

  /** The step that the address asks for; null where it asks for none, or for one that there is not. */
  wanted(last) {
    const text = new URLSearchParams(location.hash.slice(1)).get("step");
    if (text === null) return null;
    if (/^\d+$/.test(text) && Number(text) <= last) return Number(text);
    notice(`The address asks for step ${shortName(text, 20) || "(nothing)"}. This page has the steps 0 to ${last}: try #step=${last}.`);
    return null;
  },

  /** Put the link to a step where a person can paste it from. */
  async copy(step) {
    clearTimeout(this.timer);
    const link = `${location.href.split("#")[0]}#step=${step}`;
    history.replaceState(null, "", `#step=${step}`);
    try {
      await navigator.clipboard.writeText(link);
      notice(`The link to step ${step} is copied.`);
    } catch {
      notice(`Copy the link to step ${step}: `, link);
    }
  },
};

/** Say something until the next step; with a text to copy, which is selected. */
function notice(text, toCopy = null) {
  const box = byId("notice");
  box.replaceChildren(text);
  box.hidden = false;
  if (toCopy === null) return;
  const field = made("input", { readonly: "", "aria-label": text, value: toCopy });
  box.append(field);
  field.focus();
  field.select();
}
