"use strict";
// Data that are images: held-out ones in rows, each with the answer of the network below it.

const gallery = {
  looked: 0, // which of the images goes into the network that is shown
  buttons: [],

  build(scene, responses) {
    Object.assign(this, { scene, responses, looked: Math.min(this.looked, Math.max(0, responses.count - 1)) });
    const columns = scene.points.X.map((row) => Math.max(...row));
    this.areHeldOut = responses.chosen.every((index) => scene.points.held_out[index]);
    this.brightest = Math.max(...columns) || 1;
    this.buttons = responses.chosen.map((index, place) => {
      const canvas = made("canvas", {});
      const answer = made("span", {});
      const button = made("button", { type: "button", class: "image", onclick: () => this.choose(place), ondblclick: () => samples.open(index) }, canvas, answer);
      this.paintImage(canvas, index);
      return { button, answer, index };
    });
    byId("gallery").onkeydown = (event) => this.onKey(event);
    byId("gallery").replaceChildren(...this.buttons.map(({ button }) => button));
    this.follow();
    byId("open-sample").hidden = !play.can("sample");
  },

  onKey(event) {
    const across = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (!across || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.choose(Math.max(0, Math.min(this.looked + across, this.buttons.length - 1)));
    this.buttons[this.looked].button.focus();
  },

  choose(place) {
    this.looked = place;
    this.follow();
    requestDraw("answers");
  },

  /** For the Tab key the images are one stop. */
  follow() {
    this.buttons.forEach(({ button }, place) => (button.tabIndex = place === this.looked ? 0 : -1));
  },

  /** An image in gray: 0 is the ground, the brightest of the data is the color of letters. */
  paintImage(canvas, index) {
    const [height, width] = this.scene.network.image;
    canvas.width = width;
    canvas.height = height;
    const pen = canvas.getContext("2d");
    const image = pen.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const ink = colorOf("text");
    const row = this.scene.points.X[index] ?? [];
    for (let at = 0; at < pixels.length; at++) pixels[at] = palette.pixel(ink, Math.max(0, Math.min(1, row[at] / this.brightest)));
    pen.putImageData(image, 0, 0);
  },

  drawAnswers({ outputs }) {
    const { outputs: names, points } = this.scene;
    const { count } = this.responses;
    let right = 0;
    this.buttons.forEach(({ button, answer, index }, place) => {
      let best = 0;
      for (let kind = 1; kind < names.length; kind++) if (outputs[kind * count + place] > outputs[best * count + place]) best = kind;
      const isRight = best === points.y[index];
      right += isRight;
      const chance = outputs[best * count + place];
      write(answer, `${isRight ? "" : "✗ "}${shortened(names[best], 9)}`);
      button.classList.toggle("wrong", !isRight);
      button.setAttribute("aria-pressed", String(place === this.looked));
      button.setAttribute("aria-label", `Sample ${numberOf(index)}, ${names[points.y[index]]}: the network says ${names[best]}, ${percent(chance)}`);
    });
    write(byId("gallery-note"), `${right} of these ${count} right${this.areHeldOut ? ", held out" : ""}`);
  },
};
