// Requests with progress that outlive a lost network or a restarted server, and that can be paused and given up.
// XMLHttpRequest instead of fetch, because only it tells how much of a request has been sent.

const WAITS = [0.5, 1, 2, 4, 8, 15]; // seconds before each new try; the last one again and again

/** Pause, go on and give up, for everything that is sent with it. */
export class Control {
  stopped = false;
  #gate = null;
  #requests = new Set();
  #wake = () => {};

  get paused() {
    return this.#gate !== null;
  }

  pause() {
    if (this.#gate) return;
    let open;
    this.#gate = new Promise((resolve) => (open = resolve));
    this.#gate.open = open;
  }

  resume() {
    this.#gate?.open();
    this.#gate = null;
    this.#wake();
  }

  stop() {
    this.stopped = true;
    this.resume();
    for (const request of this.#requests) request.abort();
  }

  /** Waits while paused; false when everything was given up. */
  async ready() {
    while (this.#gate) await this.#gate;
    return !this.stopped;
  }

  sleep(seconds) {
    return new Promise((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, seconds * 1000);
    });
  }

  once(url, body, type, onProgress) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      const end = (status, text) => {
        this.#requests.delete(request);
        resolve({ status, text });
      };
      this.#requests.add(request);
      request.open("POST", url);
      request.setRequestHeader("Accept", "application/json");
      if (type) request.setRequestHeader("Content-Type", type);
      request.upload.onprogress = (event) => onProgress(event.loaded);
      request.onload = () => end(request.status, request.responseText);
      request.onerror = () => end(0, "");
      request.onabort = () => end(0, "");
      request.send(body);
    });
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/**
 * Send `body`; the answer is {ok, body, message, again}. `again` is true when the request never came through although
 * the server is there, which may be the fault of one file in it. While the server is away it is tried for ever.
 */
export async function send(control, url, body, { type = "", onProgress = () => {}, onWait = () => {} } = {}) {
  for (let count = 0; await control.ready(); count += 1) {
    const { status, text } = await control.once(url, body, type, onProgress);
    if (status >= 200 && status < 400) return { ok: true, body: parse(text) };
    const lost = status === 0 || status === 502 || status === 503 || status === 504;
    // With a connection, a request that fails three times fails because of what is in it.
    const hopeless = status === 0 && navigator.onLine && count >= 2 && (await reachable());
    if (!lost || hopeless) {
      const message = parse(text).error?.message ?? "";
      return { ok: false, status, message, again: status === 0 || status === 413 };
    }
    onProgress(0);
    onWait();
    await control.sleep(WAITS[Math.min(count, WAITS.length - 1)]);
  }
  return { ok: false, stopped: true, message: "", again: false };
}

/**
 * The JSON of a page of ours, or {error: message} when the server refuses. While the server is away or in trouble it is
 * asked again; {stopped: true} when everything was given up.
 */
export async function read(control, url, onWait = () => {}) {
  for (let count = 0; await control.ready(); count += 1) {
    try {
      const answer = await fetch(url, { headers: { Accept: "application/json" }, cache: "no-store" });
      if (answer.ok) return await answer.json();
      if (answer.status < 500) return { error: parse(await answer.text()).error?.message ?? answer.statusText };
    } catch {
      // The network is gone, or the answer broke off: the same as a server that is away.
    }
    onWait();
    await control.sleep(WAITS[Math.min(count, WAITS.length - 1)]);
  }
  return { stopped: true };
}

async function reachable() {
  try {
    return (await fetch("/healthz", { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}
