"use strict";
// The weights: a line each, the thicker the larger; positive ones solid and blue, negative ones dashed
// and orange. Lines that look alike are drawn in one stroke, so that a thousand cost little.

const THICKNESS = { least: 0.5, most: 5.5, steps: 7 };
const FADED = 0.13; // of lines beside those of the unit that is looked at
const FEW = 12; // so many weights of a layer have their number on the line
const DASHES = [6, 4];

/** The weight from an input to a unit of a layer; a layer without weights takes them one to one. */
function weightOf(layer, flat, unit, input) {
  if (!layer.W) return unit === input ? 1 : 0;
  return flat[layer.W.at + unit * layer.W.row + input];
}

function biasOf(layer, flat, unit) {
  return layer.b ? flat[layer.b.at + unit * layer.b.row] : null;
}

/** Lines from each place of `sources` to each of `targets`, both [{x, y}]; `looked` is one unit, or null. */
function drawLines(pen, layer, flat, sources, targets, looked, strongest) {
  const buckets = Array.from({ length: 2 * THICKNESS.steps }, () => ({ clear: [], faded: [] }));
  targets.forEach((target, unit) => {
    sources.forEach((source, input) => {
      const weight = weightOf(layer, flat, unit, input);
      if (!Number.isFinite(weight) || weight === 0) return;
      const level = Math.min(THICKNESS.steps - 1, Math.floor((Math.abs(weight) / strongest) * THICKNESS.steps));
      const isClear = looked === null || looked === target || looked === source;
      buckets[2 * level + (weight < 0 ? 1 : 0)][isClear ? "clear" : "faded"].push(source, target);
    });
  });
  buckets.forEach(({ clear, faded }, at) => {
    const share = (at >> 1) / (THICKNESS.steps - 1);
    pen.lineWidth = THICKNESS.least + (THICKNESS.most - THICKNESS.least) * share;
    pen.strokeStyle = !layer.W ? palette.rim : at % 2 ? palette.negative : palette.positive;
    pen.setLineDash(at % 2 ? DASHES : []);
    for (const [ends, alpha] of [[faded, FADED * (0.4 + share)], [clear, 0.3 + 0.65 * share]]) {
      if (!ends.length) continue;
      pen.globalAlpha = alpha;
      pen.beginPath();
      for (let end = 0; end < ends.length; end += 2) {
        pen.moveTo(ends[end].right, ends[end].y);
        pen.lineTo(ends[end + 1].left, ends[end + 1].y);
      }
      pen.stroke();
    }
  });
  pen.globalAlpha = 1;
  pen.setLineDash([]);
}

/** The numbers on the lines: of all where they are few, else of those into the unit that is looked at. */
function drawNumbers(pen, layer, flat, sources, targets, looked) {
  pen.font = "600 11px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  if (!layer.W) return;
  const areFew = sources.length * targets.length <= FEW;
  const taken = [];
  targets.forEach((target, unit) => {
    if (looked === target || (areFew && (looked === null || sources.includes(looked)))) {
      sources.forEach((source, input) => {
        if (sources.includes(looked) && source !== looked) return;
        const weight = weightOf(layer, flat, unit, input);
        const text = shown(weight, 3);
        const width = pen.measureText(text).width + 6;
        const place = freePlace(source, target, looked === target ? 0.3 : 0.3 + (0.4 * unit) / targets.length, width, taken);
        if (!place) return; // the formula has it
        const { x, y } = place;
        pen.fillStyle = palette.ground;
        pen.fillRect(x - width / 2, y - 7.5, width, 15);
        pen.fillStyle = palette.text;
        pen.fillText(text, x, y + 0.5);
      });
    }
  });
}

const SHARES = [0, 0.1, -0.1, 0.2, -0.2, 0.3, 0.4];
const NUMBER = 15; // pixels, the height of a number

/** A place on a line, near a share of its length, where a number of that width covers no other one. */
function freePlace(source, target, wanted, width, taken) {
  for (const aside of SHARES) {
    const share = wanted + aside;
    if (share < 0.1 || share > 0.9) continue;
    const x = source.right + share * (target.left - source.right);
    const y = source.y + share * (target.y - source.y);
    if (taken.some((other) => Math.abs(other.x - x) < (other.width + width) / 2 && Math.abs(other.y - y) < NUMBER)) continue;
    taken.push({ x, y, width });
    return { x, y };
  }
  return null;
}
