"use strict";
// The page: what is known of the training stands in `play`; what changed is drawn once a frame of the
// screen, whatever came meanwhile.

const play = {
  channel: channelOf(document.body.dataset.channel),
  scene: null,
  frame: null,
  flat: null, // the weights of the frame
  answers: null,
  responses: null,
  can: (name) => play.channel.can(name),
};
const network = new NetworkView(byId("network-area"));
const plot = new Plot();
const changed = new Set(); // what is to be drawn: "weights", "answers", "lines", "curves"
let isAsked = false;

function channelOf(kind) {
  if (kind === "recorded") return new RecordedChannel(JSON.parse(unpacked(byId("embedded").textContent)));
  return kind === "widget" ? new WidgetChannel() : new ServerChannel();
}

function onScene(scene) {
  const isSame = play.scene && structureOf(play.scene) === structureOf(scene);
  play.scene = scene;
  play.frame = play.flat = null; // those weights belong to the scene before
  document.body.classList.remove("waiting");
  controls.follow(scene);
  files.follow(scene);
  try {
    play.responses = new Responses(scene);
  } catch (error) {
    play.responses = null;
    return notice(error.message, true);
  }
  if (!isSame) formula.close();
  document.querySelector("[data-line=held-out]").hidden = !scene.points.held_out.some(Boolean);
  const isImages = play.responses.kind === "images";
  document.body.classList.toggle("images", isImages);
  byId("plot-card").hidden = isImages;
  byId("gallery-card").hidden = !isImages;
  if (isImages) gallery.build(scene, play.responses);
  else {
    plot.build(scene, play.responses);
    painting.rebuild(scene);
    legend(scene);
  }
  network.build(scene, play.responses);
  if (formula.place) formula.build();
}

function structureOf({ network: { layers: all, n_inputs } }) {
  return JSON.stringify([n_inputs, all.map(({ units }) => units)]);
}

function onFrame(frame) {
  if (!play.responses || frame.version !== play.scene.version) return; // the scene for it is on its way
  const before = play.frame;
  play.frame = frame;
  if (frame.curve) {
    curves.take(frame.curve);
    requestDraw("curves");
  }
  if (before?.step !== frame.step) requestDraw("curves");
  if (before?.weights !== frame.weights) {
    play.flat = play.responses.forward.flat(frame.weights);
    requestDraw("weights");
  } else requestDraw("facts");
  if (before?.playing && !frame.playing) whisper(`Paused at step ${frame.step}. ${frame.remark || ""}`);
}

function requestDraw(what) {
  changed.add(what);
  if (isAsked) return;
  isAsked = true;
  requestAnimationFrame(draw);
}

function draw() {
  isAsked = false;
  const now = new Set(changed);
  changed.clear();
  const { frame, flat, responses } = play;
  if (!frame || !flat) return;
  controls.show(frame);
  if (now.has("weights")) play.answers = responses.run(flat);
  if (now.has("weights") || now.has("answers")) {
    network.drawUnits(flat, play.answers);
    (responses.kind === "images" ? gallery : plot).drawAnswers(play.answers);
  }
  if (now.has("weights") || now.has("lines")) network.drawLines(flat);
  if (now.has("curves")) curves.draw(frame.step);
  formula.show();
  Object.assign(document.body.dataset, { step: frame.step, version: frame.version, playing: frame.playing });
}

/** What marks and colors mean, for the data that are shown. */
function legend(scene) {
  const item = (shape, color, isHeldOut, isPainted, text) => {
    const canvas = made("canvas", { class: "mark", "aria-hidden": "true" });
    plot.drawShape(penOf(canvas, 16, 16), 8, 8, shape, color, isHeldOut, isPainted, 5);
    return made("span", {}, canvas, text);
  };
  const isRegression = scene.task === "regression";
  const items = isRegression ? [] : classNames(scene).map((name, index) => item(plot.shapeOf(index), plot.colorOf(index), false, false, shortened(name, 16)));
  if (isRegression && !plot.isLine) {
    const { middle, half } = plot.target;
    for (const end of [middle - half, middle + half]) items.push(item("circle", plot.colorOf(end), false, false, shown(end, 3)));
  }
  items.push(item("circle", palette.muted, false, false, "trained on"));
  if (scene.points.held_out.some(Boolean)) items.push(item("circle", palette.muted, true, false, "held out"));
  if (scene.points.painted?.some(Boolean)) items.push(item("circle", palette.muted, false, true, "painted"));
  byId("legend").replaceChildren(...items);
  const sent = scene.points.X.length;
  const all = (scene.points.n_points ?? [sent]).reduce((sum, each) => sum + each);
  const hints = [];
  if (all > sent) hints.push(`${sent} of ${all} points are shown.`);
  if (!plot.isLine && scene.names.length > 2) hints.push("The shades are for samples whose other columns are at their median.");
  write(byId("sent"), hints.join(" "));
}

function setTheme(isDark) {
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
  byId("theme").setAttribute("aria-pressed", String(isDark));
  palette.read();
  if (!play.scene) return;
  if (play.responses?.kind === "images") gallery.buttons.forEach(({ button, index }) => gallery.paintImage(button.firstChild, index));
  else {
    plot.resize();
    painting.rebuild(play.scene);
    legend(play.scene);
  }
  redraw();
  samples.tell({ kind: "theme", dark: isDark });
}

function redraw() {
  for (const what of ["answers", "lines", "curves"]) requestDraw(what);
}

function start() {
  const darkness = matchMedia("(prefers-color-scheme: dark)");
  setTheme(darkness.matches);
  darkness.addEventListener("change", () => setTheme(darkness.matches));
  for (const part of [controls, painting, samples, files]) part.build();
  byId("formula-close").addEventListener("click", () => formula.close());
  byId("open-export").addEventListener("click", () => openBeside(byId("export"), byId("open-export")));
  new ResizeObserver(() => {
    if (!play.responses) return;
    network.arrange();
    if (play.responses.kind !== "images") plot.resize();
    redraw();
  }).observe(byId("network-area"));
  new ResizeObserver(() => play.responses && play.responses.kind !== "images" && (plot.resize(), redraw())).observe(byId("plot"));
  play.channel.start({
    scene: onScene,
    frame: onFrame,
    status: (text) => {
      write(byId("status"), text);
      byId("status").hidden = !text;
    },
  });
  files.fromAddress();
}

start();
