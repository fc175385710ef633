"use strict";
// Where an answer on the grid changes its sign.

/** The line along which numbers on a grid are 0, one straight piece in each cell. */
function contour(pen, numbers, side, placeOf) {
  for (let down = 0; down < side - 1; down++) {
    for (let across = 0; across < side - 1; across++) {
      const at = down * side + across;
      const corners = [numbers[at], numbers[at + 1], numbers[at + side + 1], numbers[at + side]];
      if (corners.every((corner) => corner > 0) || corners.every((corner) => !(corner > 0))) continue;
      const crossings = [];
      for (let edge = 0; edge < 4; edge++) {
        const [one, other] = [corners[edge], corners[(edge + 1) % 4]];
        if (one > 0 === other > 0) continue;
        const share = one / (one - other);
        const [x, y] = [[share, 0], [1, share], [1 - share, 1], [0, 1 - share]][edge];
        crossings.push(placeOf(across + x, down + y));
      }
      for (let pair = 0; pair + 1 < crossings.length; pair += 2) {
        pen.moveTo(...crossings[pair]);
        pen.lineTo(...crossings[pair + 1]);
      }
    }
  }
}
