"use strict";
// Where scenes and frames come from, and commands go to. Each channel has `start(handlers)`, with
// {scene, frame, status}, `send(command)`, which answers {ok, ...} and never fails, `can(name)` and
// `download(kind)`.

const HIDDEN = 20_000; // milliseconds after which a hidden page says again that it is there
const AWAY = "The connection to the training is lost. The page tries again by itself.";

/** Server-sent events and POST, all at the page's own address. */
class ServerChannel {
  constructor() {
    this.page = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    this.stream = null;
    this.hasLeft = false;
  }

  can() {
    return true;
  }

  /**
   * One stream a page, closed while nobody sees the page: a browser has six for all its tabs. A hidden
   * page says now and then that it is there, so that the training goes on.
   */
  start(handlers) {
    this.handlers = handlers;
    const say = () => document.hidden && !this.hasLeft && navigator.sendBeacon("hidden", this.page);
    const follow = () => {
      this.hasLeft = false;
      if (!document.hidden) return this.open();
      say();
      this.close();
    };
    setInterval(say, HIDDEN);
    document.addEventListener("visibilitychange", () => this.hasLeft || follow());
    addEventListener("pageshow", (event) => event.persisted && follow());
    addEventListener("pagehide", () => {
      this.hasLeft = true;
      this.close();
      navigator.sendBeacon("goodbye", this.page); // of a reload the server hears a page again at once
    });
    follow();
  }

  open() {
    if (this.stream) return;
    this.stream = new EventSource(`events?page=${this.page}`);
    this.stream.addEventListener("message", ({ data }) => {
      const message = JSON.parse(data);
      this.handlers[message.kind]?.(message);
    });
    this.stream.addEventListener("open", () => this.handlers.status(""));
    this.stream.addEventListener("error", () => {
      this.handlers.status(AWAY);
      if (this.stream?.readyState === EventSource.CLOSED) this.again();
    });
  }

  /** A browser gives up where the answer was no stream; a server that starts anew is found again. */
  again() {
    this.close();
    setTimeout(() => document.hidden || this.open(), 1000);
  }

  close() {
    this.stream?.close();
    this.stream = null;
  }

  async send(command) {
    try {
      const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(command) };
      const answer = await fetch("command", options);
      const text = await answer.text();
      if (answer.headers.get("Content-Type")?.startsWith("application/json")) return JSON.parse(text);
      return { ok: false, error: text || `the server answered ${answer.status}` };
    } catch {
      return { ok: false, error: "The training cannot be reached. Is its program still running?" };
    }
  }

  async download(kind) {
    try {
      const answer = await fetch(`export/${kind}`);
      if (!answer.ok) return { ok: false, error: (await answer.json().catch(() => ({}))).error ?? `the server answered ${answer.status}` };
      const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1];
      return { ok: true, filename: name ?? `run.${kind}`, blob: await answer.blob() };
    } catch {
      return { ok: false, error: "The training cannot be reached. Is its program still running?" };
    }
  }
}

/** Messages to the notebook around the frame that this page stands in. */
class WidgetChannel {
  constructor() {
    this.waiting = new Map();
    this.count = 0;
  }

  can() {
    return true;
  }

  start(handlers) {
    addEventListener("message", ({ source, data }) => {
      if (source !== parent || !Object.hasOwn(data ?? {}, "tinygrad_mlp_play")) return;
      if (data.message) handlers[data.message.kind]?.(data.message);
      if (!data.answer) return;
      this.waiting.get(data.tinygrad_mlp_play)?.(data.answer);
      this.waiting.delete(data.tinygrad_mlp_play);
    });
    this.post({ do: "hello" });
  }

  post(command) {
    this.count += 1;
    parent.postMessage({ tinygrad_mlp_play: this.count, command }, "*");
    return this.count;
  }

  send(command) {
    return new Promise((resolve) => this.waiting.set(this.post(command), resolve));
  }

  async download(kind) {
    const answer = await this.send({ do: "export", kind });
    if (!answer.ok) return answer;
    const bytes = Uint8Array.from(atob(answer.base64), (letter) => letter.charCodeAt(0));
    return { ok: true, filename: answer.filename, blob: new Blob([bytes]) };
  }
}
