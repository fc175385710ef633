"use strict";
// The colors of numbers and classes. Positive is blue, negative orange, as on the lines; the larger
// the darker. Of two classes the second has the color of positive numbers, since its logit is one.

const LEVELS = 128; // of each side of a scale
const STRONGEST = 0.92; // the share of the color at the end of a unit's scale
const SHADES = { least: 0.1, most: 0.62 }; // the shares for probabilities under points
const SHAPES = ["circle", "square", "triangle", "diamond", "wedge", "plus", "cross", "star"];

const palette = {
  /** Take the colors of the style sheet, which are others in the dark. */
  read() {
    this.card = colorOf("card");
    this.text = `rgb(${colorOf("text")})`;
    this.muted = `rgb(${colorOf("muted")})`;
    this.rim = `rgb(${colorOf("rim")})`;
    this.ground = `rgb(${this.card})`;
    this.signs = [colorOf("negative"), colorOf("positive")];
    this.negative = `rgb(${this.signs[0]})`;
    this.positive = `rgb(${this.signs[1]})`;
    this.accent = `rgb(${colorOf("accent")})`;
    this.training = `rgb(${colorOf("forward")})`;
    this.heldOut = `rgb(${colorOf("gradient")})`;
    this.kinds = Array.from({ length: 8 }, (_, index) => colorOf(`class-${index}`));
    this.response = this.scale(0, STRONGEST);
    this.shading = this.scale(SHADES.least, SHADES.most);
  },

  /** From the most negative to the most positive: pixels. */
  scale(least, most) {
    return Uint32Array.from({ length: 2 * LEVELS + 1 }, (_, at) => {
      const level = (at - LEVELS) / LEVELS;
      const share = level === 0 ? 0 : least + (most - least) * Math.abs(level);
      return this.pixel(this.signs[level > 0 ? 1 : 0], share);
    });
  },

  /** The shades of each class, from the least probability at which it leads to 1. */
  shadesOf(count) {
    return Array.from({ length: count }, (_, index) => {
      const color = this.classColor(index, count);
      return Uint32Array.from({ length: LEVELS + 1 }, (_, at) => {
        return this.pixel(color, SHADES.least + ((SHADES.most - SHADES.least) * at) / LEVELS);
      });
    });
  },

  classColor(index, count) {
    return count === 2 ? this.kinds[1 - index] : this.kinds[index % this.kinds.length];
  },

  /** A color on the ground of a card, of which it has a share. */
  mixed(color, share) {
    return color.map((part, at) => Math.round(this.card[at] + share * (part - this.card[at])));
  },

  pixel(color, share) {
    const [red, green, blue] = this.mixed(color, share);
    return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0; // as an image has them in memory
  },
};

const NO_NUMBER = 0xff808080;

/** The place on a scale of a number between −1 and 1. */
function levelOf(number) {
  return LEVELS + Math.round(LEVELS * Math.max(-1, Math.min(1, number)));
}

/** The outline of a mark around a place: who sees no colors tells classes by their shape. */
function outline(pen, shape, x, y, size) {
  pen.beginPath();
  if (shape === "circle") pen.arc(x, y, size, 0, 2 * Math.PI);
  else {
    for (const [at, [across, down]] of CORNERS[shape].entries()) {
      pen[at ? "lineTo" : "moveTo"](x + 1.15 * size * across, y + 1.15 * size * down);
    }
    pen.closePath();
  }
}

/** The corners of a figure with so many points, every second one nearer to the middle. */
function spikes(count, inner, turn) {
  return Array.from({ length: 2 * count }, (_, at) => {
    const angle = turn + (Math.PI * at) / count;
    const far = at % 2 ? inner : 1.15;
    return [far * Math.sin(angle), -far * Math.cos(angle)];
  });
}

const BAR = 0.34;
const PLUS = [[-BAR, -1], [BAR, -1], [BAR, -BAR], [1, -BAR], [1, BAR], [BAR, BAR], [BAR, 1], [-BAR, 1], [-BAR, BAR], [-1, BAR], [-1, -BAR], [-BAR, -BAR]];
const CORNERS = {
  square: [[-0.85, -0.85], [0.85, -0.85], [0.85, 0.85], [-0.85, 0.85]],
  triangle: [[0, -1.05], [1, 0.8], [-1, 0.8]],
  diamond: [[0, -1.15], [1.05, 0], [0, 1.15], [-1.05, 0]],
  wedge: [[0, 1.05], [1, -0.8], [-1, -0.8]],
  plus: PLUS,
  cross: PLUS.map(([x, y]) => [(x + y) * 0.76, (y - x) * 0.76]),
  star: spikes(5, 0.5, 0),
};
