"use strict";
// On paper: the picture and the equation of the step that is shown, and a table of all steps.

const paper = {
  /** The table, made when somebody prints. */
  fill() {
    const rows = scene.stops.map((at) => {
      const { phase, place = [phase], text, row: alone = [text], lines } = described(at);
      const equation = lines ? lines.flatMap((line, index) => [...(index ? [", "] : []), ...writtenLine(line)]) : alone;
      const row = made("tr", {}, ...[[String(at)], place, equation].map((cell) => made("td", {}, ...cell)));
      if (at === position) row.classList.add("now");
      return row;
    });
    const head = made("tr", {}, ...["Step", "", "Equation"].map((text) => made("th", {}, text)));
    byId("all-steps").replaceChildren(made("thead", {}, head), made("tbody", {}, ...rows));
  },
};
