"use strict";
// A quiz about the steps: the number of a step is hidden wherever it could be read, a person types it, and it
// is judged with the reason. What was answered is kept where the browser allows it.

const HIDDEN = { shown: "?", exact: "asked for" };

const quiz = {
  isOn: false,
  results: {}, // position -> {tries, hints, outcome: "", "right", "shown" or "skipped"}
  mistakes: {}, // kind -> how often
  verdict: null, // on what was typed at this position
  at: null, // the position that the panel is about

  begin() {
    this.judge = new Judge(recorded.quiz.rules);
    this.switch = made("button", { type: "button", id: "quiz-switch", "aria-pressed": "false", title: "Hide the number of each step, and ask for it (Q)" }, "Quiz");
    this.field = made("input", { id: "answer", class: "field", autocomplete: "off", autocapitalize: "off", spellcheck: "false", "aria-label": "Your number" });
    const button = (text, action) => {
      const element = made("button", { type: "button" }, text);
      element.addEventListener("click", () => action.call(this));
      return element;
    };
    this.check = button("Check", this.judgeTyped);
    this.hint = button("Hint", this.showHint);
    this.reveal = button("Show the answer", this.showAnswer);
    this.next = button("Skip", this.goOn);
    this.said = made("p", { id: "verdict" });
    this.hints = made("div", { id: "hints" });
    this.score = made("p", { id: "score" });
    const row = made("div", { class: "row" }, this.field, this.check, this.hint, this.reveal, this.next);
    this.panel = made("div", { id: "quiz", role: "group", "aria-label": "Quiz", hidden: "" }, row, this.said, this.hints, this.score);
    byId("step").append(this.panel);
    byId("neurons").before(this.switch);
    byId("help").querySelector("dl").append(made("dt", {}, made("kbd", {}, "Q")), made("dd", {}, "a quiz: the number of each step is hidden, and you type it"));
    this.switch.addEventListener("click", () => this.toggle());
    this.field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // else it presses the button that has the focus next
      this.judgeTyped();
    });
    this.field.addEventListener("keydown", (event) => event.key === "Escape" && this.switch.focus());
    KEYS.q = KEYS.Q = (event) => event.repeat || this.toggle();
    kept.begin(this);
  },

  /** The numbers are others now. */
  renew() {
    Object.assign(this, { results: {}, mistakes: {}, verdict: null, at: null });
  },

  toggle() {
    if (timer !== null) setPlaying(false);
    this.isOn = !this.isOn;
    this.switch.setAttribute("aria-pressed", this.isOn);
    document.body.classList.toggle("quizzing", this.isOn);
    this.at = null;
    if (this.isOn && !this.isOpen(position)) this.goOn();
    else goTo(position);
    (this.isOn && !this.field.hidden ? this.field : this.switch).focus();
  },

  // The questions: one for each step, forward and then backward; start and seed have none

  questionAt(at) {
    const { phase } = trace.events[at];
    if (phase !== "forward" && phase !== "backward") return null;
    return recorded.quiz.questions[at - (phase === "forward" ? 1 : 2)] || null;
  },

  isOpen(at) {
    return this.questionAt(at) !== null && !["right", "shown"].includes(this.results[at]?.outcome);
  },

  resultAt(at) {
    return (this.results[at] ??= { tries: 0, hints: 0, outcome: "" });
  },

  /** The number that is hidden at a position: {node, isGradient}; null where none is. */
  askedAt(at) {
    if (!this.isOn || !this.isOpen(at)) return null;
    const { phase, node } = trace.events[at];
    return { node, isGradient: phase === "backward" };
  },

  /** What is said at a position while its question is open, see `described`. */
  described(at) {
    const [, , asks, given] = this.questionAt(at);
    const stops = scene.stops.filter((stop) => this.questionAt(stop));
    const { phase, node } = trace.events[at];
    const way = phase === "forward" ? `Forward, ${trace.nodes[node].computedAt} of ${trace.seedAt - 1}` : counted(at);
    return {
      phase: `${way}; question ${stops.indexOf(at) + 1} of ${stops.length}`,
      equation: writtenEquation(asks),
      text: spoken(asks),
      remark: given.length ? ["Given: ", ...given.flatMap((line, place) => [...(place ? ["; "] : []), ...writtenLine(line)]), "."] : [],
    };
  },

  // The panel

  show() {
    this.panel.hidden = !this.isOn;
    if (!this.isOn) return;
    if (this.at !== position) {
      this.verdict = null;
      this.field.value = "";
    }
    this.at = position;
    const isOpen = this.isOpen(position);
    const result = this.results[position];
    for (const element of [this.field, this.check, this.hint, this.reveal]) element.hidden = !isOpen;
    const hints = isOpen ? this.questionAt(position)[4] : [];
    const n_shown = Math.min(result?.hints ?? 0, hints.length);
    this.hint.textContent = `Hint ${Math.min(n_shown + 1, hints.length)} of ${hints.length}`;
    setUsable(this.hint, n_shown < hints.length);
    this.hints.replaceChildren(...hints.slice(0, n_shown).map((line) => made("p", {}, ...writtenLine(line))));
    this.next.textContent = isOpen ? "Skip" : "Next question";
    this.next.hidden = !isOpen && this.nextOpen() === null;
    const isMistake = this.verdict !== null && this.verdict.kind !== "right";
    this.field.toggleAttribute("aria-invalid", isMistake);
    this.said.className = isMistake ? "mistake" : "";
    this.said.replaceChildren(...this.written());
    this.score.textContent = this.scoreLines().join("; ");
  },

  written() {
    const { kind, line, message } = this.verdict ?? {};
    if (line) return ["No: ", ...writtenLine(line), "."];
    const isDone = this.nextOpen() === null && !this.isOpen(position);
    if (kind !== "right" && message) return [`${message[0].toUpperCase()}${message.slice(1)}.`];
    return [[...(kind ? ["Right."] : []), ...(isDone ? ["All questions are done."] : [])].join(" ")];
  },

  /** Say something to who hears the page; what is said twice is said with its number. */
  tell(text) {
    byId("live").textContent = byId("live").textContent === text ? `Again: ${text}` : text;
  },

  judgeTyped() {
    if (!this.isOpen(position)) return;
    const verdict = this.judge.verdict(this.questionAt(position), this.field.value);
    const result = this.resultAt(position);
    this.verdict = verdict;
    if (verdict.kind === "right") result.outcome = "right";
    else if (verdict.isAttempt) result.tries += 1;
    if (verdict.kind in this.judge.kinds) this.mistakes[verdict.kind] = (this.mistakes[verdict.kind] ?? 0) + 1;
    kept.keep(this);
    if (verdict.kind === "right") this.settle("Right");
    else {
      this.show();
      this.tell(verdict.line ? `No: ${spoken(verdict.line)}.` : verdict.message);
      this.field.select();
    }
  },

  /** Show the step with its number. */
  settle(word) {
    goTo(position);
    this.tell(`${word}: ${byId("equation").getAttribute("aria-label")}. ${this.scoreLines()[0]}.`);
    (this.next.hidden ? byId("slider") : this.next).focus();
  },

  showHint() {
    const hints = this.questionAt(position)[4];
    const result = this.resultAt(position);
    if (result.hints === hints.length) return;
    this.tell(spoken(hints[result.hints]));
    result.hints += 1;
    kept.keep(this);
    this.show();
  },

  showAnswer() {
    this.resultAt(position).outcome = "shown";
    this.verdict = null; // what was said of the number that was typed is not about this one
    kept.keep(this);
    this.settle("The answer");
  },

  nextOpen() {
    const open = scene.stops.filter((at) => this.isOpen(at) && at !== position);
    return open.find((at) => at > position) ?? open[0] ?? null;
  },

  goOn() {
    const next = this.nextOpen();
    if (this.at === position && this.isOpen(position)) {
      this.resultAt(position).outcome = "skipped";
      kept.keep(this);
    }
    stepTo(next ?? position);
    if (!this.field.hidden) this.field.focus();
  },

  /** How it goes, in the words of the console. */
  scoreLines() {
    const results = Object.values(this.results);
    const count = (outcome) => results.filter((result) => result.outcome === outcome).length;
    const n_hints = results.reduce((sum, { hints }) => sum + hints, 0);
    const often = Object.entries(this.mistakes).sort(([, one], [, other]) => other - one);
    const [right, shown, skipped] = ["right", "shown", "skipped"].map(count);
    if (!right && !shown && !skipped && !n_hints && !often.length) return ["no question is answered yet"];
    const at_once = results.filter(({ outcome, tries }) => outcome === "right" && !tries).length;
    const further = Object.entries({ shown, skipped, hints: n_hints }).filter(([, n]) => n);
    const first = `${right} of ${right + shown + skipped} right, ${at_once} of them at once`;
    const lines = [[first, ...further.map(([name, n]) => `${name} ${n}`)].join("; ")];
    if (often.length) lines.push(`mistakes: ${often.map(([kind, n]) => `${this.judge.kinds[kind]} ${n}`).join(", ")}`);
    return lines;
  },
};

/** Progress, kept in the browser for this file and these numbers; where it must not be, it ends with the page. */
const kept = {
  key: `tinygrad_mlp quiz ${location.pathname}`,

  begin(progress) {
    this.numbers = fingerprint(byId("recorded").textContent);
    try {
      const { numbers, results, mistakes } = JSON.parse(localStorage.getItem(this.key)) ?? {};
      if (numbers === this.numbers) Object.assign(progress, { results, mistakes });
    } catch {
      // a frame that may keep nothing, or what another page has left there
    }
  },

  keep({ results, mistakes }) {
    try {
      localStorage.setItem(this.key, JSON.stringify({ numbers: this.numbers, results, mistakes }));
    } catch {
      // as above
    }
  },
};

/** A number that tells texts apart: FNV-1a of 32 bits. */
function fingerprint(text) {
  let hash = 2166136261;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 16777619);
  return hash >>> 0;
}
