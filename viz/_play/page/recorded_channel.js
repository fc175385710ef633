// A training that was recorded: the weights of each moment stand in the page, and nobody is asked.

const AT_MOST = 30; // moments a second where no speed is asked for

/** What buttons are called where each moment may be several steps after the one before. */
const RECORDED_WORDS = { back: ["Previous moment", "Left"], step: ["Next moment", "Right"] };

/** The weights of all moments, one after the other; record_frames.py says how they are packed. */
function weightsOf({ n_frames, n_numbers, order, changes }) {
  const bytes = new Packed(bytesOf(changes)).unpacked();
  const count = n_frames * n_numbers;
  const found = new Int32Array(count);
  for (let number = 0, at = 0; number < n_numbers; number++) {
    let [value, slope] = [0, 0];
    for (let frame = 0; frame < n_frames; frame++, at++) {
      const folded = bytes[at] | (bytes[at + count] << 8) | (bytes[at + 2 * count] << 16) | (bytes[at + 3 * count] << 24);
      const change = (folded >>> 1) ^ -(folded & 1);
      slope = order === 2 ? (slope + change) | 0 : change;
      value = (value + slope) | 0;
      found[frame * n_numbers + number] = value < 0 ? value ^ 0x7fffffff : value;
    }
  }
  return found;
}

class RecordedChannel {
  constructor({ scene, weights, curve, epochs, end }) {
    Object.assign(this, { scene, curve, epochs, end });
    this.steps = curve.map(([step]) => step);
    this.n_numbers = weights.n_numbers;
    this.weights = weightsOf(weights);
    this.at = this.frameOf(Number(/^#step=(\d+)$/.exec(location.hash)?.[1] ?? 0));
    this.playing = null; // since when, from where and how fast it plays
  }

  can(name) {
    return ["play", "back", "step", "go_to", "rewind", "columns"].includes(name);
  }

  start(handlers) {
    this.handlers = handlers;
    for (const [id, [words, key]] of Object.entries(RECORDED_WORDS)) {
      byId(id).setAttribute("aria-label", words);
      byId(id).title = `${words} (${key})`;
    }
    byId("plot").setAttribute("aria-label", "Plot of the data. Arrows move a cross, N and P go from sample to sample.");
    handlers.scene(this.scene);
    this.show(true);
  }

  async send(command) {
    const answer = RecordedChannel.ANSWERS[command.do];
    if (!answer) return { ok: false, error: "This page is a recording: it can be played, not changed." };
    answer.call(this, command);
    return { ok: true, step: this.steps[this.at] };
  }

  static ANSWERS = {
    play({ speed = null }) {
      if (this.at === this.last) this.at = 0;
      this.playing = { first: this.at, began: performance.now(), speed };
      this.show();
      this.tick(this.playing);
    },
    pause() {
      this.moveTo(this.at);
    },
    step({ n = 1 }) {
      this.moveTo(this.at + n);
    },
    back({ n = 1 }) {
      this.moveTo(this.at - n);
    },
    rewind() {
      this.moveTo(0);
    },
    go_to({ step }) {
      const found = this.frameOf(step);
      const now = this.steps[this.at];
      this.moveTo(found === this.at ? this.at + Math.sign(step - now) : found); // a small move is a move
    },
    columns({ columns }) {
      this.scene = { ...this.scene, columns, version: this.scene.version + 1 };
      this.handlers.scene(this.scene);
      this.show(true);
    },
  };

  get last() {
    return this.steps.length - 1;
  }

  /** The moment that is nearest to a step. */
  frameOf(step) {
    const after = this.steps.findIndex((each) => each >= step);
    if (after < 1) return after < 0 ? this.last : 0;
    return this.steps[after] - step <= step - this.steps[after - 1] ? after : after - 1;
  }

  moveTo(at) {
    this.playing = null;
    this.at = Math.max(0, Math.min(this.last, at));
    this.show();
  }

  /** Moment after moment by the clock: a slow screen leaves moments out, and the end comes in time. */
  tick(playing) {
    requestAnimationFrame((now) => {
      if (this.playing !== playing) return;
      const at = this.frameAfter(playing, Math.max(0, now - playing.began) / 1000);
      if (at === this.last) return this.moveTo(at);
      if (at !== this.at) {
        this.at = at;
        this.show();
      }
      this.tick(playing);
    });
  }

  /** The moment that is reached after so many seconds. */
  frameAfter({ first, speed }, seconds) {
    if (speed === null) return Math.min(this.last, first + Math.floor(seconds * AT_MOST));
    const step = this.steps[first] + seconds * speed;
    let at = first;
    while (at < this.last && this.steps[at + 1] <= step) at++;
    return at;
  }

  /** Tell the page about the moment that is shown; the curve, which stays, only once. */
  show(isFirst = false) {
    const [step, loss, held_out_loss, accuracy, held_out_accuracy] = this.curve[this.at];
    const isEnd = this.at === this.last;
    this.handlers.frame({
      kind: "frame",
      version: this.scene.version,
      step,
      last: this.steps[this.last],
      epoch: this.epochs[this.at],
      playing: this.playing !== null,
      loss,
      held_out_loss,
      accuracy,
      held_out_accuracy,
      weights: this.base64(),
      oldest: 0,
      ...(isFirst ? { curve: { from: 0, points: this.curve } } : {}),
      advice: isEnd ? this.end.advice : "",
      remark: isEnd ? this.end.remark : "",
    });
  }

  base64() {
    const numbers = this.weights.slice(this.at * this.n_numbers, (this.at + 1) * this.n_numbers);
    return btoa(Array.from(new Uint8Array(numbers.buffer), (byte) => String.fromCharCode(byte)).join(""));
  }
}
