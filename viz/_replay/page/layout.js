"use strict";
// Where the boxes of a graph stand: in columns from the inputs to the output, with few crossings.
// An arrow over several columns crosses each of them on one level; arrows from one box share it.

const MOST_BENDS = 6000;

/**
 * boxes: [{width, height}] in topological order (those that are `isNeuron` keep it), with `entry` and `exit` where arrows come in and
 * leave below or above the middle, and `room`, the height along which they come in; one that
 * `isPort` stands on the left, where something comes in from outside; links: [{from, to}], indices of boxes, one for
 * each operand; room: {column, arrows, box, bend}, the least room between two columns, what arrows may
 * add to it, and the gaps between boxes and between arrows that pass one below the other.
 * Returns {centers: [{x, y}], routes: [[{x, y}, ...]], width, height}.
 */
function layOut(boxes, links, room) {
  const column = columnsOf(boxes, links);
  const { cells, trails } = cellsOf(boxes, links, column);
  const columns = [];
  for (const cell of cells) (columns[cell.column] ??= []).push(cell);
  reduceCrossings(columns);
  placeVertically(columns, room);
  const width = placeHorizontally(columns, room);
  const height = moveToOrigin(cells);
  const centers = boxes.map((_, index) => ({ x: cells[index].x, y: cells[index].y }));
  return { centers, routes: routesOf(boxes, links, cells, trails), width, height };
}

function columnsOf(boxes, links) {
  const count = boxes.length;
  const column = new Array(count).fill(0);
  const inputs = Array.from({ length: count }, () => []);
  const isFed = new Array(count).fill(false);
  for (const { from, to } of links) {
    inputs[to].push(from);
    isFed[to] = true;
  }
  for (let box = 0; box < count; box++) {
    for (const from of inputs[box]) column[box] = Math.max(column[box], column[from] + 1);
  }
  const nearest = new Array(count).fill(Infinity);
  for (const { from, to } of links) nearest[from] = Math.min(nearest[from], column[to]);
  for (let box = 0; box < count; box++) {
    if (!isFed[box] && !boxes[box].isPort && nearest[box] < Infinity) column[box] = nearest[box] - 1;
  }
  const first = count ? Math.min(...column) : 0;
  return column.map((number) => number - first);
}

function cellsOf(boxes, links, column) {
  const cells = boxes.map((box, index) => newCell(column[index], box));
  const bends = boxes.map(() => []);
  const trails = links.map(() => []);
  links.forEach(({ from, to }, index) => {
    let previous = cells[from];
    for (let at = column[from] + 1; at < column[to] && cells.length < MOST_BENDS; at++) {
      const step = at - column[from] - 1;
      if (!bends[from][step]) {
        bends[from][step] = newCell(at);
        cells.push(bends[from][step]);
        join(previous, bends[from][step]);
      }
      previous = bends[from][step];
      trails[index].push(previous);
    }
    join(previous, cells[to]);
  });
  return { cells, trails };
}

function newCell(column, { width = 0, height = 0, entry = 0, exit = 0, isNeuron = false } = {}) {
  return { column, width, height, entry, exit, isNeuron, before: [], after: [], x: 0, y: 0, order: 0 };
}

function join(cell, next) {
  cell.after.push(next);
  next.before.push(cell);
}

function mean(numbers) {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

/** Sweeps to and fro: each cell goes to the mean place of its neighbors. The best sweep counts. */
function reduceCrossings(columns) {
  const number = (cells) => cells.forEach((cell, index) => (cell.order = index));
  columns.forEach(number);
  let best = columns.map((cells) => [...cells]);
  let fewest = crossingsOf(columns);
  for (let sweep = 0; sweep < 10 && fewest > 0; sweep++) {
    const rightwards = sweep % 2 === 0;
    for (const cells of rightwards ? columns : [...columns].reverse()) {
      for (const cell of cells) {
        const near = rightwards ? cell.before : cell.after;
        cell.wish = near.length ? mean(near.map((other) => other.order)) : cell.order;
      }
      const neurons = cells.filter((cell) => cell.isNeuron).sort((one, other) => one.order - other.order);
      cells.sort((one, other) => one.wish - other.wish);
      cells.forEach((cell, at) => cell.isNeuron && (cells[at] = neurons.shift())); // in the model's order
      number(cells);
    }
    const crossings = crossingsOf(columns);
    if (crossings < fewest) {
      fewest = crossings;
      best = columns.map((cells) => [...cells]);
    }
  }
  best.forEach((cells, index) => {
    columns[index] = cells;
    number(cells);
  });
}

function crossingsOf(columns) {
  let crossings = 0;
  for (const cells of columns) {
    const passed = []; // the places at which arrows of the cells above end, sorted
    for (const cell of cells) {
      const ends = cell.after.map((other) => other.order);
      for (const end of ends) crossings += passed.length - placeIn(passed, end + 0.5);
      for (const end of ends) passed.splice(placeIn(passed, end), 0, end);
    }
  }
  return crossings;
}

function placeIn(sorted, number) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < number) low = middle + 1;
    else high = middle;
  }
  return low;
}

function placeVertically(columns, room) {
  for (const cells of columns) settle(cells, cells.map(() => 0), room);
  const wished = [
    (cell) => cell.before.map((other) => other.y + other.exit - cell.entry),
    (cell) => cell.after.map((other) => other.y + other.entry - cell.exit),
  ];
  const sweeps = [0, 1, 0, 1, 0, 1, 0, 1].map((side) => wished[side]);
  sweeps.push((cell) => wished.flatMap((places) => places(cell)));
  sweeps.forEach((placesOf, sweep) => {
    for (const cells of sweep % 2 ? [...columns].reverse() : columns) {
      const wishes = cells.map((cell) => {
        const places = placesOf(cell);
        return places.length ? mean(places) : cell.y;
      });
      settle(cells, wishes, room);
    }
  });
}

/** As near to the wishes as the order and the gaps allow: pools of cells that touch (least squares). */
function settle(cells, wishes, room) {
  const offsets = [];
  cells.forEach((cell, index) => {
    const above = cells[index - 1];
    const gap = above && above.height && cell.height ? room.box : room.bend;
    offsets.push(above ? offsets[index - 1] + (above.height + cell.height) / 2 + gap : 0);
  });
  const pools = [];
  wishes.forEach((wish, index) => {
    let pool = { sum: wish - offsets[index], count: 1 };
    while (pools.length && pools.at(-1).sum / pools.at(-1).count >= pool.sum / pool.count) {
      const above = pools.pop();
      pool = { sum: pool.sum + above.sum, count: pool.count + above.count };
    }
    pools.push(pool);
  });
  let index = 0;
  for (const { sum, count } of pools) {
    for (let member = 0; member < count; member++, index++) {
      cells[index].y = sum / count + offsets[index];
    }
  }
}

function placeHorizontally(columns, room) {
  let x = 0;
  columns.forEach((cells, index) => {
    const width = Math.max(...cells.map((cell) => cell.width));
    const arrows = cells.reduce((sum, cell) => sum + cell.before.length, 0);
    if (index) x += room.column + Math.min(arrows, room.arrows);
    for (const cell of cells) {
      const isSource = cell.width > 0 && cell.before.length === 0; // it stands next to what uses it
      Object.assign(cell, { left: x, right: x + width });
      cell.x = isSource ? cell.right - cell.width / 2 : x + width / 2;
    }
    x += width;
  });
  return x;
}

function moveToOrigin(cells) {
  const top = Math.min(...cells.map((cell) => cell.y - cell.height / 2));
  for (const cell of cells) cell.y -= top;
  return Math.max(...cells.map((cell) => cell.y + cell.height / 2));
}

/** The points of each arrow; those that come into one box spread along its side. */
function routesOf(boxes, links, cells, trails) {
  const entering = boxes.map(() => []);
  links.forEach(({ from, to }, index) => {
    entering[to].push({ index, from: trails[index].at(-1) ?? cells[from] });
  });
  const entry = [];
  entering.forEach((arrows, to) => {
    arrows.sort((one, other) => one.from.y - other.from.y || one.index - other.index);
    const { height, entry: offset = 0, room: side = height } = boxes[to];
    const reach = Math.min(side - Math.min(16, side / 2), 9 * (arrows.length - 1));
    arrows.forEach(({ index }, rank) => {
      const share = arrows.length > 1 ? rank / (arrows.length - 1) - 0.5 : 0;
      entry[index] = cells[to].y + offset + share * reach;
    });
  });
  return links.map(({ from, to }, index) => [
    { x: cells[from].x + boxes[from].width / 2, y: cells[from].y + cells[from].exit },
    { x: cells[from].right, y: cells[from].y + cells[from].exit },
    ...trails[index].flatMap(({ left, right, y }) => [{ x: left, y }, { x: right, y }]),
    { x: cells[to].left, y: entry[index] },
    { x: cells[to].x - boxes[to].width / 2, y: entry[index] },
  ]);
}
