"use strict";
// On paper: the picture and the equation of the step that is shown, and a table of all steps.

const paper = {
  /** The table, made when somebody prints. */
  fill() {
    const rows = scene.stops.map((at) => {
      const { phase, text } = described(at);
      const row = made("tr", {}, made("td", {}, String(at)), made("td", {}, phase), made("td", {}, text));
      if (at === position) row.classList.add("now");
      return row;
    });
    const head = made("tr", {}, ...["Step", "", "Equation"].map((text) => made("th", {}, text)));
    byId("all-steps").replaceChildren(made("thead", {}, head), made("tbody", {}, ...rows));
  },
};
