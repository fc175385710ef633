"use strict";
// The loss and the accuracy over the steps: solid on the training data, dashed on what is held out.

const PANEL = { left: 44, right: 8, top: 20, bottom: 18, gap: 12 };

const curves = {
  points: [], // [step, loss, held-out loss, accuracy, held-out accuracy]

  /** Take what came: the first `from` points stay. */
  take({ from, points }) {
    this.points.length = Math.min(this.points.length, from);
    this.points.push(...points);
  },

  draw(step) {
    const canvas = byId("curves");
    const { clientWidth: width, clientHeight: height } = canvas;
    const pen = penOf(canvas, width, height);
    const hasAccuracy = this.points.some((point) => point[3] !== null && point[3] !== undefined);
    const share = hasAccuracy ? 0.54 : 1;
    this.panel(pen, { left: 0, width: width * share - (hasAccuracy ? PANEL.gap / 2 : 0), height }, "loss", [1, 2], step);
    if (hasAccuracy) this.panel(pen, { left: width * share + PANEL.gap / 2, width: width * (1 - share) - PANEL.gap / 2, height }, "accuracy", [3, 4], step);
  },

  panel(pen, area, name, columns, step) {
    const left = area.left + PANEL.left;
    const [width, height] = [area.width - PANEL.left - PANEL.right, area.height - PANEL.top - PANEL.bottom];
    const numbers = this.points.flatMap((point) => columns.map((column) => point[column])).filter(Number.isFinite);
    const last = Math.max(step, this.points.at(-1)?.[0] ?? 0, 1);
    const isShare = name === "accuracy";
    let [low, high] = numbers.length ? [Math.min(...numbers), Math.max(...numbers)] : [0, 1];
    const isLog = !isShare && low > 0 && high / low > 30;
    if (isShare) [low, high] = [Math.max(0, Math.min(low, 0.9)), 1];
    else if (!isLog) low = Math.min(0, low);
    if (high === low) high = low + 1;
    const scale = isLog ? Math.log : Number;
    const across = (at) => left + (at / last) * width;
    const down = (number) => PANEL.top + height - ((scale(number) - scale(low)) / (scale(high) - scale(low))) * height;
    pen.font = "11px system-ui, sans-serif";
    pen.strokeStyle = palette.rim;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(left, PANEL.top);
    pen.lineTo(left, PANEL.top + height);
    pen.lineTo(left + width, PANEL.top + height);
    pen.stroke();
    pen.fillStyle = palette.text;
    pen.textAlign = "left";
    pen.textBaseline = "alphabetic";
    pen.fillText(isLog ? `${name}, log scale` : name, left, 12);
    pen.fillStyle = palette.muted;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const tick of isLog ? powersOf(low, high) : ticksOf(low, high, 3)) pen.fillText(isShare ? percent(tick, 0) : shown(tick, 2), left - 4, down(tick));
    pen.textBaseline = "top";
    pen.fillText(shown(last, 7), left + width, PANEL.top + height + 4);
    pen.textAlign = "left";
    pen.fillText("0", left, PANEL.top + height + 4);
    columns.forEach((column, at) => {
      pen.strokeStyle = at ? palette.heldOut : palette.training;
      pen.lineWidth = 2;
      pen.setLineDash(at ? [5, 3] : []);
      pen.beginPath();
      for (const point of this.points) if (Number.isFinite(point[column])) pen.lineTo(across(point[0]), down(point[column]));
      pen.stroke();
    });
    pen.setLineDash([]);
    pen.strokeStyle = palette.accent;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(across(step), PANEL.top);
    pen.lineTo(across(step), PANEL.top + height);
    pen.stroke();
  },
};

/** Powers of ten within a range, with its ends where there are fewer than two. */
function powersOf(low, high) {
  const first = Math.ceil(Math.log10(low));
  const powers = Array.from({ length: Math.max(0, Math.floor(Math.log10(high)) - first + 1) }, (_, at) => 10 ** (first + at));
  const every = Math.ceil(powers.length / 4);
  return powers.length > 1 ? powers.filter((_, at) => at % every === 0) : [low, high];
}
