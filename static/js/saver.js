// Sends label changes in the order they were made, and loses none: each change is kept in localStorage until the server
// has acknowledged it, is tried again after a failure, and carries an id made once, so that the server carries it out
// only once however often it arrives. Used by the label page, the gallery and the review page.
//
//   const saver = new Saver({ assignUrl, undoUrl, redoUrl, markUrl });
//   saver.assign([{ imageId: 7, version: 0 }], classId, "label");   // returns the id of the request
//   saver.undo(); saver.redo();
//
// Events (each with `detail`):
//   state     {state: "saved" | "saving" | "waiting", count, stored}  waiting: a try failed; stored: survives a reload
//   saved     {entry, answer}           the server has it
//   conflict  {entry, conflicts, error} somebody else changed these labels first; nothing of the entry was written
//   rejected  {entry, error}            can never succeed, such as a label of a class that was deleted, or an undo of
//                                       nothing

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;
const TIMEOUT_MS = 60_000;
const REFUSED = new Set([400, 404, 409, 413, 415, 422]); // everything else may pass: no network, no session, 5xx
const UNDO_DEPTH = 500;

/** A random id. crypto.randomUUID is missing where the page comes over plain HTTP from another machine. */
export function newId() {
  if (crypto.randomUUID) {
    return crypto.randomUUID();
  }
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Saver extends EventTarget {
  #urls;
  #prefix;
  #queue = [];
  #versions = new Map();
  #done = [];
  #undone = [];
  #counter = 0;
  #failures = 0;
  #stored = true;
  #running = false;
  #wake = () => {};

  constructor({ assignUrl, undoUrl, redoUrl, markUrl }) {
    super();
    this.#urls = { assign: assignUrl, undo: undoUrl, redo: redoUrl, mark: markUrl };
    this.#prefix = `miwake.save:${assignUrl}:`;
    this.#adopt();
    addEventListener("online", () => this.#wake());
    addEventListener("beforeunload", (event) => {
      if (this.#queue.length) {
        event.preventDefault(); // the browser asks whether to leave
      }
    });
    queueMicrotask(() => this.#run()); // the page connects its listeners first
  }

  /** How many changes the server does not have yet. */
  get count() {
    return this.#queue.length;
  }

  /** Resolves when the server has everything. */
  settled() {
    return new Promise((resolve) => {
      const look = () => {
        if (!this.#queue.length) {
          this.removeEventListener("state", look);
          resolve();
        }
      };
      this.addEventListener("state", look);
      look();
    });
  }

  /** Labels that the server does not have yet: image id -> class id or null. */
  pending() {
    const labels = new Map();
    for (const { kind, body } of this.#queue) {
      for (const change of kind === "assign" ? body.changes ?? [] : []) {
        labels.set(change.image_id, body.class_id);
      }
    }
    return labels;
  }

  /** The newest version of an image's label that this page knows. */
  version(imageId, seen = null) {
    const known = this.#versions.get(imageId);
    return known === undefined || (seen !== null && seen > known) ? seen : known;
  }

  /** Give `classId` (null: none) to images. `version` is the one that was seen; null changes whatever is there. */
  assign(images, classId, source) {
    const changes = images.map(({ imageId, version = null }) => ({
      image_id: imageId,
      version: version === null ? null : this.version(imageId, version),
    }));
    return this.#remember(this.#add("assign", { source, class_id: classId, changes }));
  }

  /** Give `classId` to all images that match; `shown` is how many the reader was told that is. */
  assignMatching(filter, shown, classId, source) {
    return this.#remember(this.#add("assign", { source, class_id: classId, filter, shown }));
  }

  /** Set the mark `field` (null: take it off); `images` is {image_ids} or {filter, shown}. Undone like a label. */
  mark(images, field, value, source) {
    return this.#remember(this.#add("mark", { ...images, source, field, value }));
  }

  /** Take back one request, or the newest of this page, or else the newest of this person. */
  undo(requestId = this.#done.at(-1) ?? null) {
    this.#done = this.#done.filter((id) => id !== requestId);
    if (requestId !== null) {
      this.#undone.push(requestId);
    }
    return this.#add("undo", { of_request: requestId });
  }

  /** Bring back one request that was undone, or the one undone last. */
  redo(requestId = this.#undone.at(-1) ?? null) {
    this.#undone = this.#undone.filter((id) => id !== requestId);
    if (requestId !== null) {
      this.#done.push(requestId);
    }
    return this.#add("redo", { of_request: requestId });
  }

  #remember(requestId) {
    this.#done = [...this.#done.slice(1 - UNDO_DEPTH), requestId];
    this.#undone = [];
    return requestId;
  }

  #add(kind, values) {
    const body = { request_id: newId(), ...values };
    const order = Date.now().toString(36).padStart(10, "0") + (this.#counter++).toString(36).padStart(6, "0");
    const entry = { key: `${this.#prefix}${order}-${body.request_id}`, kind, body };
    this.#queue.push(entry);
    this.#keep(entry);
    this.#tell();
    this.#run();
    return body.request_id;
  }

  // What an earlier page, or one that is still open in another tab, has not got through. Sending it twice is harmless.
  #adopt() {
    try {
      const keys = Object.keys(localStorage).filter((key) => key.startsWith(this.#prefix)).sort();
      this.#queue = keys.map((key) => ({ key, ...JSON.parse(localStorage.getItem(key)) }));
    } catch (error) {
      console.warn("Unsaved labels of an earlier visit cannot be read.", error);
    }
  }

  #keep({ key, kind, body }) {
    try {
      localStorage.setItem(key, JSON.stringify({ kind, body }));
      this.#stored = true;
    } catch {
      this.#stored = false; // full or switched off: the state says so, and leaving the page asks first
    }
  }

  #drop(entry) {
    this.#queue = this.#queue.filter((other) => other !== entry);
    try {
      localStorage.removeItem(entry.key);
    } catch {
      this.#stored = false;
    }
  }

  async #run() {
    if (this.#running) {
      return;
    }
    this.#running = true;
    this.#tell();
    while (this.#queue.length) {
      const entry = this.#queue[0];
      const outcome = await this.#send(entry);
      if (outcome.retry) {
        await this.#pause();
        continue;
      }
      this.#failures = 0;
      this.#drop(entry);
      this.#settle(entry, outcome);
      this.#tell();
    }
    this.#running = false;
  }

  async #send({ kind, body }) {
    try {
      const response = await fetch(this.#urls[kind], {
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (response.ok) {
        const answer = await response.json();
        return answer.error ? answer : { answer }; // with 200: there was nothing to undo or redo
      }
      if (REFUSED.has(response.status)) {
        return { ...(await response.json()) };
      }
    } catch {
      // No network, no answer in time, or an answer that is not ours: the change is kept and tried again.
    }
    return { retry: true };
  }

  #settle(entry, { answer, error, conflicts }) {
    if (answer) {
      this.#learn(answer.images ?? []);
      this.#emit("saved", { entry, answer });
      return;
    }
    if (entry.kind === "assign" || entry.kind === "mark") {
      this.#forget(entry.body.request_id);
    }
    if (conflicts) {
      this.#learn(conflicts);
      this.#emit("conflict", { entry, conflicts, error });
    } else {
      this.#emit("rejected", { entry, error });
    }
  }

  // Our own later changes of the same images follow on this one; they would be refused with the version seen before.
  #learn(images) {
    const news = new Map(images.map((image) => [image.image_id, image.version]));
    for (const [imageId, version] of news) {
      this.#versions.set(imageId, version);
    }
    for (const entry of this.#queue.filter((later) => later.body.changes)) {
      let changed = false;
      for (const change of entry.body.changes) {
        const version = news.get(change.image_id);
        if (change.version !== null && version > change.version) {
          change.version = version;
          changed = true;
        }
      }
      if (changed) {
        this.#keep(entry);
      }
    }
  }

  // What was never written cannot be taken back.
  #forget(requestId) {
    this.#done = this.#done.filter((id) => id !== requestId);
    this.#undone = this.#undone.filter((id) => id !== requestId);
    for (const entry of this.#queue.filter((later) => later.body.of_request === requestId)) {
      this.#drop(entry);
    }
  }

  #pause() {
    this.#failures += 1;
    this.#tell();
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (this.#failures - 1)) * (0.75 + Math.random() / 2);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, wait);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #tell() {
    const state = !this.#queue.length ? "saved" : this.#failures ? "waiting" : "saving";
    this.#emit("state", { state, count: this.#queue.length, stored: this.#stored });
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
