// One request with progress, tried again while the network or the server is away.

const WAITS = [1, 2, 4, 8, 15, 30, 30, 30]; // seconds before each new try

function once(url, body, type, onProgress) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.setRequestHeader("Accept", "application/json");
    if (type) request.setRequestHeader("Content-Type", type);
    request.upload.onprogress = (event) => onProgress(event.loaded);
    request.onload = () => resolve({ status: request.status, text: request.responseText });
    request.onerror = () => resolve({ status: 0, text: "" });
    request.send(body);
  });
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/**
 * Send `body`; the answer is {ok, body, message, again}. `again` is true when the request never came through, which may
 * be the fault of one file in it.
 */
export async function send(url, body, { type = "", onProgress = () => {}, onWait = () => {}, tries = WAITS.length + 1 } = {}) {
  for (let count = 0; ; count += 1) {
    const { status, text } = await once(url, body, type, onProgress);
    if (status >= 200 && status < 400) return { ok: true, body: parse(text) };
    const lost = status === 0 || status === 502 || status === 503 || status === 504;
    // With a connection, a request that fails twice fails because of what is in it.
    const hopeless = status === 0 && navigator.onLine && count >= 2 && (await reachable());
    if (!lost || hopeless || count + 1 >= tries) {
      return { ok: false, message: parse(text).error?.message ?? "", again: status === 0 || status === 413 };
    }
    onWait();
    await new Promise((resolve) => setTimeout(resolve, WAITS[Math.min(count, WAITS.length - 1)] * 1000));
  }
}

async function reachable() {
  try {
    return (await fetch("/healthz", { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}
