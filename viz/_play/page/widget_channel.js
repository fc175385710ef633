// A widget of a notebook: the page of a training in a frame, and what goes to and fro between it and
// the program. Nothing is fetched; the frame reaches nothing of the notebook. While the training
// plays, the page's next message is asked for when the one before has come, so that none queue up.

const FRAME = 1000 / 30; // milliseconds between two messages
const LATE = 10000; // milliseconds without an answer after which that is said
const HEIGHT = 760; // pixels

function render({ model, el }) {
  const view = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", "allow-scripts allow-downloads");
  frame.title = "Training of a network";
  frame.style.cssText = `display: block; width: 100%; height: ${HEIGHT}px; border: 1px solid #8793a5; border-radius: 6px`;
  const status = document.createElement("p");
  status.setAttribute("role", "status");
  status.style.cssText = "margin: 0 0 4px; font-size: 14px";
  el.append(status, frame);
  let [asked, late] = [0, 0];
  let isAsking = false;

  const send = (message) => model.send({ view, ...message });
  const toFrame = (message) => frame.contentWindow?.postMessage(message, "*");

  /** Ask for news, unless they are asked for. */
  function look() {
    if (isAsking) return;
    isAsking = true;
    asked = performance.now();
    wait();
    send({ look: true });
  }

  /** The page has begun, for the first time or because it was moved: it has nothing yet. */
  function begin() {
    wait();
    send({ look: true, anew: true });
  }

  function wait() {
    clearTimeout(late);
    late = setTimeout(() => {
      status.textContent = "The program does not answer: it does something else, or has ended. Run the cell again if it has.";
    }, LATE);
  }

  function fromProgram(message) {
    if (message.view !== view) return;
    clearTimeout(late);
    status.textContent = "";
    if (message.page) frame.srcdoc = message.page;
    for (const each of message.news ?? []) toFrame({ tinygrad_mlp_play: 0, message: each });
    if (message.answer) toFrame({ tinygrad_mlp_play: message.number, answer: message.answer });
    if (message.looked) isAsking = false;
    if (message.playing) setTimeout(look, Math.max(0, asked + FRAME - performance.now()));
  }

  function fromFrame({ source, data }) {
    if (source !== frame.contentWindow || !Object.hasOwn(data ?? {}, "tinygrad_mlp_play")) return;
    if (data.command?.do === "hello") return begin();
    wait();
    send({ command: data.command, number: data.tinygrad_mlp_play });
  }

  model.on("msg:custom", fromProgram);
  addEventListener("message", fromFrame);
  wait();
  send({ hello: true });
  return () => {
    clearTimeout(late);
    model.off("msg:custom", fromProgram);
    removeEventListener("message", fromFrame);
    send({ goodbye: true });
  };
}

export default { render };
