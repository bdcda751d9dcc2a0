// The images to go through: those the page brought along, and more from the server before they run out. What this page
// has, nobody else gets from the queue until it is labelled, skipped, or the page is closed.

const MORE_WHEN_LEFT = 16;
const AHEAD = 24; // few, so that several people can share the last pictures
const MOST_KNOWN = 2000; // the server takes no longer list
const RENEW_MS = 45_000; // a lease of the server lasts for two minutes
const IDLE_MS = 180_000; // who does nothing for so long holds the others up no longer

export class Queue {
  #url;
  #ended = false;
  #fetching = null;
  #shared;
  #done = new Set(); // to be given back with the next request
  #acted = performance.now();
  #lost;

  /**
   * `lost` is called when the current image turned out to be somebody else's before anything was done with it, `replaced`
   * with {actor, count} when somebody replaced labels of this reader.
   */
  constructor({ items, index, urls, queue, open, shared, since }, lost, replaced) {
    this.items = items;
    this.index = index;
    this.onlyUnlabelled = open;
    this.elsewhere = 0;
    this.#shared = shared;
    this.#inOrder = queue === "all";
    this.#url = urls.items;
    this.#lost = lost;
    this.#since = since;
    this.#replaced = replaced;
    if (shared) {
      addEventListener("pagehide", () => this.#release());
      setInterval(() => this.#renew(), RENEW_MS);
    }
  }

  #inOrder;
  #since; // the newest change of labels that this page knows of
  #replaced;

  get current() {
    return this.items[this.index];
  }

  find(imageId) {
    return this.items.find((item) => item.id === imageId);
  }

  /** Say what this page shows; what somebody else has by now is left out. */
  async hold() {
    if (!this.#shared) {
      return;
    }
    const begun = this.current;
    const answer = await this.#ask({ hold: this.#ahead().map((item) => item.id), limit: 0 });
    const lost = new Set(answer.lost);
    if (begun && begun === this.current && lost.has(begun.id)) {
      this.items = this.items.filter((item) => item === begun || !lost.has(item.id));
      this.index = this.items.indexOf(begun);
      this.#lost();
    } else {
      this.items = this.items.filter((item, place) => place <= this.index || !lost.has(item.id));
    }
  }

  /** True while this queue still wants a label for `item`. */
  #open(item) {
    return item.state === "active" && item.class_id === null;
  }

  #ahead() {
    return this.items.slice(this.index);
  }

  /**
   * Go on: one picture after a skip; after a label in a queue of unlabelled images, the next one without a label.
   * Returns false at the end.
   */
  async next({ toOpen = false } = {}) {
    const from = this.index;
    this.#acted = performance.now();
    if (this.current) {
      this.#done.add(this.current.id);
    }
    for (;;) {
      for (let at = from + 1; at < this.items.length; at += 1) {
        if (!toOpen || !this.onlyUnlabelled || this.#open(this.items[at])) {
          this.index = at;
          this.#more();
          return true;
        }
      }
      if (this.#ended) {
        return this.onlyUnlabelled && this.#again();
      }
      await this.#more(true);
    }
  }

  // What was skipped comes round again until every image has a label.
  #again() {
    const at = this.items.findIndex((item, place) => this.#open(item) && place !== this.index);
    if (at >= 0) {
      this.index = at;
    }
    return at >= 0;
  }

  back() {
    this.#acted = performance.now();
    if (this.index === 0) {
      return false;
    }
    this.index -= 1;
    return true;
  }

  /** Show `item`, wherever it stands; one that is not in the queue is put before the current one. */
  jump(item) {
    const at = this.items.findIndex((other) => other.id === item.id);
    if (at >= 0) {
      this.index = at;
    } else {
      this.items.splice(this.index, 0, item);
    }
  }

  async #more(now = false) {
    if (this.#ended || (!now && this.items.length - this.index > MORE_WHEN_LEFT)) {
      return;
    }
    this.#fetching ??= this.#fetch().finally(() => (this.#fetching = null));
    await this.#fetching;
  }

  async #fetch() {
    const known = new Set(this.items.map((item) => item.id));
    // Labels that the server does not have yet would bring their images back; so would those that were put off.
    const open = this.items.filter((item) => this.#open(item));
    const back = [...open, ...this.items.slice(-MOST_KNOWN / 4)].slice(-MOST_KNOWN);
    const answer = await this.#ask({
      after: Math.max(0, ...this.items.map((item) => item.id)),
      without: this.#inOrder ? [] : [...new Set(back.map((item) => item.id))],
      hold: this.#ahead().slice(0, AHEAD).map((item) => item.id),
      limit: AHEAD,
    });
    const fresh = answer.items.filter((item) => !known.has(item.id));
    this.items.push(...fresh);
    this.elsewhere = answer.elsewhere;
    this.#ended = fresh.length === 0;
  }

  #renew() {
    if (performance.now() - this.#acted < IDLE_MS && !this.#ended) {
      this.hold();
    }
  }

  #release() {
    const release = this.#ahead().map((item) => item.id).concat([...this.#done]).slice(0, 500);
    this.#send({ release, limit: 0 }, true).catch(() => {}); // the leases run out by themselves
  }

  #send(body, keepalive = false) {
    return fetch(this.#url, {
      method: "POST",
      keepalive,
      headers: { Accept: "application/json", "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  }

  async #ask(body) {
    const release = this.#shared ? [...this.#done].filter((id) => !body.hold.includes(id)).slice(0, 500) : [];
    for (let wait = 500; ; wait = Math.min(2 * wait, 8000)) {
      try {
        const response = await this.#send({ ...body, hold: this.#shared ? body.hold : [], release, since: this.#since });
        if (response.ok) {
          release.forEach((id) => this.#done.delete(id));
          const answer = await response.json();
          this.#since = answer.since;
          answer.replaced.forEach((one) => this.#replaced(one));
          return answer;
        }
      } catch {
        // No connection: the pictures at hand can still be labelled; the rest is asked for again.
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}
