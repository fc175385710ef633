"use strict";
// The page around the picture: slider, buttons and keys. What is shown now is in the variables here.

let recorded = JSON.parse(unpacked(byId("recorded").textContent));
let trace = new Trace(recorded);
let scene = new Scene(trace, trace.groups, byId("graph"), byId("lights"));
const asking = recorded.quiz ? quiz : null;
const stage = byId("stage");
const isNarrow = matchMedia("(max-width: 760px)");
const OVERVIEW = 0.3; // the start shows the whole graph from this zoom on
const BESIDE_DETAILS = 0.55; // while the details take room, all of the graph matters more
let position = 0;
let selected = null;
let focused = trace.root;
let timer = null;
let leastZoom = null; // of a graph that is to fit into its room; null where a person zoomed
let look = { collapsed: new Set(), level: "full", isDown: false };
let isOwnLook = false; // whether a person has expanded or collapsed a neuron
let chosenFor = ""; // the size of the window for which the look was chosen

// Going from step to step

/** Show the step at that position, or the next one on the way there that can be seen. */
function goTo(wanted) {
  const wasStart = position === 0;
  position = stopNear(Number(wanted) || 0);
  const event = trace.events[position];
  trace.asked = asking?.askedAt(position) ?? null;
  const { phase, place = [phase], equation, text, remark } = (trace.asked ? asking : { described }).described(position);
  document.body.dataset.phase = event.phase;
  byId("phase").replaceChildren(...place);
  byId("equation").replaceChildren(...equation);
  byId("equation").setAttribute("aria-label", text);
  const { length } = byId("equation").textContent;
  byId("equation").classList.toggle("long", length > 70);
  byId("equation").classList.toggle("longest", length > 150);
  byId("remark").replaceChildren(...remark);
  byId("notice").hidden = true;
  if (timer === null) byId("live").textContent = `${phase}: ${text}. ${byId("remark").textContent}`;
  byId("slider").value = position;
  byId("slider").setAttribute("aria-valuetext", `${phase}: ${text}`);
  for (const id of ["first", "back"]) setUsable(byId(id), position > 0);
  for (const id of ["last", "next"]) setUsable(byId(id), position < trace.last);
  scene.show(position);
  if (leastZoom !== null && wasStart !== (position === 0)) fit(leastZoom);
  else scene.bringIntoView(stage, event);
  if (selected !== null) showDetails();
  asking?.show();
  address.follow(position);
}

/** A button that is of no use now keeps the focus, so that the next key still goes to it. */
function setUsable(button, isUsable) {
  button.setAttribute("aria-disabled", !isUsable);
}

function stopNear(wanted) {
  const { stops } = scene;
  const after = placeIn(stops, Math.min(Math.max(wanted, 0), trace.last));
  return wanted >= position || stops[after] === wanted ? stops[after] : stops[Math.max(after - 1, 0)];
}

/** Step by hand, which ends playing. */
function stepTo(wanted) {
  if (timer !== null) setPlaying(false);
  goTo(wanted);
}

/** Show just that step, also where it happens inside of a neuron that is one box. */
function visit(at) {
  const hidden = !scene.stops.includes(at) && [trace.events[at].node, trace.events[at].from];
  const around = hidden && hidden.map((index) => scene.groupOf[index]).find((group) => scene.collapsed.has(group));
  if (around) rebuild({ ...look, collapsed: new Set([...look.collapsed].filter((group) => group !== around)) });
  stepTo(at);
}

// Playing

function setPlaying(isPlaying) {
  clearInterval(timer);
  timer = null;
  if (isPlaying) {
    if (position === trace.last) goTo(0);
    timer = setInterval(playOn, 1000 / Number(byId("speed").value));
  } else {
    goTo(position);
  }
  byId("play").classList.toggle("playing", isPlaying);
  byId("play").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
}

function playOn() {
  goTo(position + 1);
  if (position === trace.last) setPlaying(false);
}

/** The next stop (or the one before) that is about another node: a shorter way through. */
function otherNode(direction) {
  const owner = ({ phase, node, from }) => {
    return phase === "backward" ? `from ${scene.itemOf[from].index}` : `${phase} ${node}`;
  };
  const { stops } = scene;
  let at = stops.indexOf(position);
  const here = owner(trace.events[position]);
  while (at + direction in stops && owner(trace.events[stops[at]]) === here) at += direction;
  return stops[at];
}

// Neurons as one box

function toggle(group) {
  const collapsed = new Set(look.collapsed);
  if (!collapsed.delete(group)) collapsed.add(group);
  isOwnLook = true;
  rebuild({ ...look, collapsed });
}

function toggleAll() {
  isOwnLook = true;
  rebuild(look.collapsed.size ? LOOKS.expanded : bestLook(true));
}

function rebuild(wanted) {
  look = wanted;
  scene.build(look);
  scene.select(selected);
  const action = look.collapsed.size ? "Expand" : "Collapse";
  byId("neurons").replaceChildren(action, made("span", { class: "wide" }, " neurons"));
  byId("neurons").setAttribute("aria-label", `${action} neurons`);
  for (const chip of document.querySelectorAll("[data-sign]")) {
    chip.hidden = !scene.links.some(({ weight }) => weight && signOf(weight) === chip.dataset.sign);
  }
  focusNode(focused, false);
  goTo(position);
  if (leastZoom !== null) fit(leastZoom);
}

/** Show another pass through the same graph; what is selected, expanded or in view stays. */
function exchange(known) {
  const collapsed = [...look.collapsed].map((group) => trace.groups.indexOf(group));
  const { zoom } = scene;
  recorded = known;
  asking?.renew();
  trace = new Trace(recorded);
  scene = new Scene(trace, trace.groups, byId("graph"), byId("lights"));
  scene.zoom = zoom;
  rebuild({ ...look, collapsed: new Set(collapsed.map((place) => trace.groups[place])) });
}

// Looks: in which the whole graph is in view, and its letters can be read

const LOOKS = {
  expanded: { collapsed: new Set(), level: "full", isDown: false },
  *collapsed() {
    const collapsed = new Set(trace.groups);
    for (const level of Object.keys(LEVELS)) {
      for (const isDown of [false, true]) yield { collapsed, level, isDown };
    }
  },
  *of(collapsed) {
    if (collapsed !== true) yield LOOKS.expanded;
    if (collapsed !== false) yield* LOOKS.collapsed();
  },
};

/**
 * The first level on which all can be read, in the direction in which it is larger; where there is
 * none, everything about the neurons, of which a part is in view.
 */
function bestLook(collapsed) {
  let [best, largest] = [null, 0];
  let otherwise = null;
  for (const wanted of LOOKS.of(collapsed)) {
    if (largest >= 1 && (wanted.level !== best.level || wanted.collapsed !== best.collapsed)) break;
    scene.arrange(wanted);
    const share = wholeZoom() / LEVELS[wanted.level].readable;
    if (share >= 1 && share > largest) [best, largest] = [wanted, share];
    if (!otherwise || (wanted.level === "full" && !wanted.isDown)) otherwise = wanted;
  }
  return best ?? otherwise;
}

function choose() {
  chosenFor = windowSize();
  rebuild(bestLook(recorded.collapsed));
  fit(LEVELS[look.level].readable);
}

// Focus: one stop in the graph for the Tab key, up and down from node to node

function focusNode(index, isMoved) {
  scene.itemOf[focused]?.element.setAttribute("tabindex", -1);
  focused = index;
  const { element } = scene.itemOf[index];
  element.setAttribute("tabindex", 0);
  if (isMoved) element.focus();
}

function nodeOf(target) {
  const element = target.closest?.(".node");
  return element ? Number(element.id.slice(1)) : null;
}

function keyOnGraph(event) {
  const index = nodeOf(event.target);
  if (index === null) return false;
  const { leaf } = trace.nodes[index];
  if (event.key === "Enter" && leaf !== undefined && !scene.isCollapsed(index)) edits.edit(index);
  else if (event.key === "Enter" || event.key === " ") select(selected === index ? null : index);
  else if (event.key.toLowerCase() === "e" && scene.groupOf[index]) {
    toggle(scene.groupOf[index]);
    focusNode(focused, true);
  } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
    const at = scene.itemOf[index].index + (event.key === "ArrowDown" ? 1 : -1);
    if (scene.items[at]) focusNode(scene.items[at].node.index, true);
  } else return false;
  return true;
}

const KEYS = {
  ArrowRight: (event) => stepTo(event.shiftKey ? otherNode(1) : position + 1),
  ArrowLeft: (event) => stepTo(event.shiftKey ? otherNode(-1) : position - 1),
  Home: () => stepTo(0),
  End: () => stepTo(trace.last),
  " ": (event) => event.repeat || setPlaying(timer === null),
  "?": (event) => event.repeat || byId("help").togglePopover(),
  Escape: () => {
    if (trace.isEditable && byId("notice").hidden && selected === null) edits.tell({ kind: "leave" });
    byId("notice").hidden = true;
    select(null);
  },
};

function onKey(event) {
  const isLetter = event.getModifierState("AltGraph"); // it counts as Ctrl and Alt in some systems
  if ((event.ctrlKey || event.metaKey || event.altKey) && !isLetter) return;
  const kind = event.target.tagName;
  const isPressed = event.key === " " && kind === "BUTTON"; // the space bar presses a button
  const isElsewhere = isPressed || kind === "SELECT" || byId("help").matches(":popover-open");
  if (isElsewhere && event.key !== "?") return;
  if (event.target.closest?.(".field")) return;
  if (event.target.closest?.("#notice") && event.key !== "Escape") return; // a text to copy
  if (keyOnGraph(event)) event.preventDefault();
  else if (Object.hasOwn(KEYS, event.key)) {
    event.preventDefault();
    KEYS[event.key](event);
  }
}

// Colors, size, start

function setTheme(isDark) {
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
  byId("theme").setAttribute("aria-pressed", isDark);
}

/** Fit the graph into the room that there is, but not smaller than `least`; also when that changes. */
function fit(least) {
  leastZoom = least;
  const whole = wholeZoom();
  const isOverview = position === 0 && !isNarrow.matches && whole >= OVERVIEW;
  const isBeside = selected !== null && !isNarrow.matches;
  scene.setZoom(isOverview ? whole : Math.max(whole, isBeside ? Math.min(least, BESIDE_DETAILS) : least), 0);
  scene.bringIntoView(stage, trace.events[position]);
}

/** The zoom at which all of the graph is in view. */
function wholeZoom() {
  const room = [(stage.clientWidth - 4) / scene.width, (stage.clientHeight - 4) / scene.height];
  return Math.min(...room, 1.8);
}

/** The height of a phone's window changes with the bars of its browser, which says nothing. */
function windowSize() {
  return isNarrow.matches ? `${innerWidth}` : `${innerWidth}/${innerHeight}`;
}

/** Another window, or a phone that is turned, asks for another look, unless a person chose one. */
function onResize() {
  if (matchMedia("print").matches) return;
  if (chosenFor !== windowSize() && leastZoom !== null && !isOwnLook && selected === null) choose();
}

function zoomBy(ratio) {
  leastZoom = null;
  scene.setZoom(scene.zoom * ratio);
  scene.bringIntoView(stage, trace.events[position]);
}

function start() {
  const darkness = matchMedia("(prefers-color-scheme: dark)");
  document.querySelector("h1").title = document.title;
  setTheme(darkness.matches);
  darkness.addEventListener("change", () => setTheme(darkness.matches));
  const operations = trace.seedAt - 1;
  const steps = trace.last - trace.seedAt;
  const roles = new Set(trace.nodes.map((node) => node.role));
  for (const chip of document.querySelectorAll("#legend [data-role]")) {
    chip.hidden = !roles.has(chip.dataset.role);
  }
  const counts = `${operations} forward and ${steps} backward steps`;
  byId("facts").textContent = `${trace.nodes.length} nodes, ${counts}`;
  byId("slider").max = trace.last;
  byId("forward-part").style.flex = Math.max(operations, 1);
  byId("backward-part").style.flex = Math.max(steps, 1);
  byId("link").hidden = !address.isKept;
  byId("neurons").hidden = trace.groups.length === 0;
  const actions = {
    first: () => stepTo(0),
    back: () => stepTo(position - 1),
    next: () => stepTo(position + 1),
    last: () => stepTo(trace.last),
    play: () => setPlaying(timer === null),
    theme: () => setTheme(document.documentElement.dataset.theme !== "dark"),
    fit: () => fit(0),
    smaller: () => zoomBy(0.8),
    larger: () => zoomBy(1.25),
    neurons: toggleAll,
    link: () => address.copy(position),
  };
  for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", action);
  byId("slider").addEventListener("input", () => stepTo(Number(byId("slider").value)));
  byId("speed").addEventListener("change", () => timer !== null && setPlaying(true));
  byId("graph").addEventListener("click", (event) => {
    const corner = event.target.closest(".switch");
    const number = event.target.closest("[data-leaf]");
    if (corner) toggle(trace.groups[corner.dataset.group]);
    else if (number) edits.edit(Number(number.dataset.leaf));
    else select(nodeOf(event.target));
  });
  byId("graph").addEventListener("dblclick", (event) => {
    if (event.target.closest(".switch")) return;
    const group = scene.groupOf[nodeOf(event.target) ?? -1];
    if (group) toggle(group);
  });
  byId("graph").addEventListener("focusin", (event) => {
    const index = nodeOf(event.target);
    if (index !== null && index !== focused) focusNode(index, false);
  });
  const colors = made("p", { class: "legend" });
  colors.append(...byId("legend").cloneNode(true).childNodes);
  byId("help").append(made("h2", {}, "What colors and lines mean"), colors);
  byId("help").querySelector("button").autofocus = true; // when it opens, not when the page loads
  document.addEventListener("keydown", onKey);
  addEventListener("hashchange", fromAddress);
  addEventListener("beforeprint", () => paper.begin());
  addEventListener("afterprint", () => paper.end());
  if (trace.isEditable) edits.begin();
  asking?.begin();
  choose();
  new ResizeObserver(() => leastZoom !== null && fit(leastZoom)).observe(stage);
  addEventListener("resize", onResize);
  fromAddress();
}

/** `backprop.html#step=12` opens the page at that step; what is no step is said. */
function fromAddress() {
  const wanted = address.wanted(trace.last);
  if (wanted !== null) visit(wanted);
}

start();
