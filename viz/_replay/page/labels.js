"use strict";
// The numbers on the arrows: each where it covers no other and no box and where few other arrows
// pass, so that it is plain whose it is; on a ground of its own, so that no line shows through.

const LABEL = { size: 11, height: 15, lit: 13, pad: 4 };
const SQUARE = 40;
const SLACK = 2; // by which the sides of two labels, or of a label and a box, may overlap
const MOST_PASSING = 1;
const ASIDE = [-14, 14, -28, 28, -42, 42]; // above and below an arrow that is too short
const SHARES = [0.5, 0.38, 0.62, 0.28, 0.72, 0.2, 0.8];

/**
 * Give each link that has a `derivative` its `label` and a place for it. `spot` is null where there
 * is no free one: that number is shown while its arrow is the current one, see litPlace.
 */
function placeLabels(links, curvesOf, boxes, isRoomy) {
  const taken = new Raster(boxes);
  const lines = new Raster(isRoomy ? curvesOf.flatMap(pointsOf) : []);
  links.forEach((link, index) => {
    const curves = curvesOf[index];
    link.curves = curves;
    link.spot = null;
    if (link.derivative === null) return;
    if (!isRoomy) return;
    const width = widthOf(link.label, LABEL.size) + LABEL.pad;
    for (const curve of [...curves].reverse().sort((one, other) => isShort(one) - isShort(other))) {
      for (const share of SHARES) {
        const { x, y } = pointOn(curve, share);
        const area = { x: x - width / 2, y: y - LABEL.height / 2, width, height: LABEL.height };
        if (taken.under(area).length || passing(lines.under(area), index) > MOST_PASSING) continue;
        taken.add(area);
        link.spot = { x, y };
        return;
      }
    }
  });
}

/**
 * Where the larger number of the current arrow is within the drawing and covers no box, if there is
 * such a place, and no number of another arrow either, if there is such a place too; null where there
 * is none: the equation has the number as well.
 */
function litPlace(link, text, obstacles, labels, size) {
  const { curves, spot } = link;
  const [width, height] = [widthOf(text, LABEL.lit, 700) + LABEL.pad, LABEL.lit + 4];
  const longest = longestOf(curves);
  const others = curves.filter((curve) => curve !== longest);
  const on = [longest, ...others].flatMap((curve) => SHARES.map((share) => pointOn(curve, share)));
  const beside = ASIDE.flatMap((aside) => on.map(({ x, y }) => ({ x, y: y + aside })));
  const areaAt = ({ x, y }) => ({ x: x - width / 2, y: y - height / 2, width, height });
  const isFree = (place) => !obstacles.under(areaAt(place)).length && isWithin(areaAt(place), size);
  const free = [...(spot ? [spot] : []), ...on, ...beside].filter(isFree);
  const isClear = (place) => labels.under(areaAt(place)).every(({ owner }) => owner === link);
  return free.find(isClear) ?? free[0] ?? null;
}

function isWithin({ x, y, width, height }, size) {
  return x >= -MARGIN && y >= -MARGIN && x + width <= size.width - MARGIN && y + height <= size.height - MARGIN;
}

/** Points along the curves of a link. */
function pointsOf(curves, index) {
  return curves.flatMap((curve) => {
    const count = Math.ceil(lengthOf(curve) / 10) + 2;
    return Array.from({ length: count }, (_, at) => {
      return { ...pointOn(curve, at / (count - 1)), width: 0, height: 0, index };
    });
  });
}

function passing(points, own) {
  return new Set(points.map(({ index }) => index)).size - (points.some(({ index }) => index === own) ? 1 : 0);
}

function longestOf(curves) {
  return curves.reduce((best, curve) => (lengthOf(curve) > lengthOf(best) ? curve : best));
}

function isShort(curve) {
  return lengthOf(curve) < 40;
}

function lengthOf([from, , , to]) {
  return Math.hypot(to.x - from.x, to.y - from.y);
}

/** Which rectangles are taken, by squares, so that a question touches few of them. */
class Raster {
  constructor(areas) {
    this.squares = new Map();
    for (const area of areas) this.add(area);
  }

  *keysOf({ x, y, width, height }) {
    for (let column = Math.floor(x / SQUARE); column <= (x + width) / SQUARE; column++) {
      for (let row = Math.floor(y / SQUARE); row <= (y + height) / SQUARE; row++) yield `${column}/${row}`;
    }
  }

  add(area) {
    for (const key of this.keysOf(area)) {
      if (!this.squares.has(key)) this.squares.set(key, []);
      this.squares.get(key).push(area);
    }
  }

  under(area) {
    const found = [];
    for (const key of this.keysOf(area)) {
      found.push(...(this.squares.get(key) ?? []).filter((other) => overlap(area, other)));
    }
    return found;
  }
}

function overlap(one, other) {
  return (
    one.x + SLACK < other.x + other.width &&
    other.x + SLACK < one.x + one.width &&
    one.y < other.y + other.height &&
    other.y < one.y + one.height
  );
}

/** The drawing of a number at a place. */
function drawnLabel(text, { x, y }, look) {
  const size = look.includes("lit") ? LABEL.lit : LABEL.size;
  const width = widthOf(text, size, look.includes("lit") ? 700 : 400) + LABEL.pad;
  const height = size + 4;
  const group = drawn("g", { class: look });
  group.append(
    drawn("rect", { x: round(x - width / 2), y: round(y - height / 2), width: round(width), height, rx: 3 }),
    drawn("text", { x: round(x), y: round(y + size * 0.36) }, text),
  );
  return group;
}
