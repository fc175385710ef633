"use strict";
// On paper: the picture and the equation of the step that is shown, and a table of all steps. In a
// frame, as a notebook has it, there is one sheet: the picture, that of the end if nobody has taken a
// step, and the steps for which there is room.

const LINES_IN_A_FRAME = 42;
const CHARACTERS_IN_A_LINE = 100;

const paper = {
  isFramed: window.parent !== window,
  before: null,

  begin() {
    if (this.isFramed) {
      document.documentElement.classList.add("framed");
      this.before = position;
      if (position === 0) goTo(trace.last);
    }
    this.fill();
  },

  end() {
    if (this.before !== null) goTo(this.before);
    this.before = null;
  },

  /** The table, made when somebody prints. */
  fill() {
    const told = trace.asked ? scene.stops.filter((at) => at < position) : scene.stops;
    const rows = told.map((at) => {
      const { phase, place = [phase], text, row: alone = [text], lines } = described(at);
      const equation = lines ? lines.flatMap((line, index) => [...(index ? [", "] : []), ...writtenLine(line)]) : alone;
      const row = made("tr", {}, ...[[String(at)], place, equation].map((cell) => made("td", {}, ...cell)));
      if (at === position) row.classList.add("now");
      return row;
    });
    const left = this.isFramed ? rows.splice(this.roomFor(rows)).length : 0;
    if (left) rows.push(made("tr", {}, made("td", {}, "…"), made("td", {}, `${left} more`)));
    const head = made("tr", {}, ...["Step", "", "Equation"].map((text) => made("th", {}, text)));
    byId("all-steps").replaceChildren(made("thead", {}, head), made("tbody", {}, ...rows));
  },

  /** How many of the rows a sheet has room for, with a last one that says how many it has not. */
  roomFor(rows) {
    let lines = 0;
    const ends = rows.map((row) => (lines += Math.ceil(row.lastChild.textContent.length / CHARACTERS_IN_A_LINE)));
    const isAll = lines <= LINES_IN_A_FRAME;
    return isAll ? rows.length : ends.filter((end) => end < LINES_IN_A_FRAME).length;
  },
};
