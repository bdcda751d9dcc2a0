// The images to go through: those the page brought along, and more from the server before they run out.

const MORE_WHEN_LEFT = 15;

export class Queue {
  #url;
  #ended = false;
  #skippedUpTo = 0; // those of an earlier visit come when everything else is done
  #fetching = null;

  constructor({ items, index, urls, queue }) {
    this.items = items;
    this.index = index;
    this.onlyUnlabelled = queue === "unlabelled";
    this.#url = urls.items;
  }

  get current() {
    return this.items[this.index];
  }

  find(imageId) {
    return this.items.find((item) => item.id === imageId);
  }

  /** True while this queue still wants a label for `item`. */
  #open(item) {
    return item.state === "active" && item.class_id === null;
  }

  /**
   * Go on: one picture after a skip; after a label in the queue of unlabelled images, the next one without a label.
   * Returns false at the end.
   */
  async next({ toOpen = false } = {}) {
    const from = this.index;
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

  // At the end of the unlabelled queue it is asked once more from its beginning, for what was not on this page yet and
  // for what somebody skipped or was not sure of.
  async #more(now = false) {
    if (this.#ended || (!now && this.items.length - this.index > MORE_WHEN_LEFT)) {
      return;
    }
    this.#fetching ??= this.#fetch().finally(() => (this.#fetching = null));
    await this.#fetching;
  }

  async #fetch() {
    const last = Math.max(0, ...this.items.map((item) => item.id));
    let found = await this.#ask(last);
    const known = new Set(this.items.map((item) => item.id));
    const unknown = (items) => items.filter((item) => !known.has(item.id));
    if (!unknown(found).length && this.onlyUnlabelled) {
      found = await this.#ask(0);
    }
    if (!unknown(found).length && this.onlyUnlabelled) {
      found = await this.#askSkipped();
    }
    const fresh = unknown(found);
    this.items.push(...fresh);
    this.#ended = fresh.length === 0;
  }

  #askSkipped() {
    return this.#ask(this.#skippedUpTo, true).then((items) => {
      this.#skippedUpTo = items.at(-1)?.id ?? this.#skippedUpTo;
      return items;
    });
  }

  async #ask(after, skipped = false) {
    const url = new URL(this.#url, location.href);
    url.searchParams.set("after", after);
    if (skipped) {
      url.searchParams.set("skipped", "1");
    }
    for (let wait = 500; ; wait = Math.min(2 * wait, 8000)) {
      try {
        const response = await fetch(url, { headers: { Accept: "application/json" } });
        if (response.ok) {
          return (await response.json()).items;
        }
      } catch {
        // No connection: the pictures at hand can still be labelled; the rest is asked for again.
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}
