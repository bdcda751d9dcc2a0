// The images that match, asked for in pages of 500 when they come into view. Place in the list -> image.

const PAGE = 500;

export class Images extends EventTarget {
  #url;
  #query;
  listed;
  #pages = new Map();
  #waiting = new Map();
  #byId = new Map();
  #generation = 0;
  total;

  constructor({ urls, query, listed }, total) {
    super();
    this.listed = listed; // no filter describes them: a change of all must name each
    this.#url = urls.ids;
    this.#query = query;
    this.total = total;
  }

  /** The image at `place`, or undefined while it is being fetched. */
  at(place) {
    const page = Math.floor(place / PAGE);
    const rows = this.#pages.get(page);
    if (!rows) {
      this.#fetch(page);
    }
    return rows?.[place % PAGE];
  }

  byId(imageId) {
    return this.#byId.get(imageId);
  }

  /** All images from `first` to `last`, fetched where needed. */
  async range(first, last) {
    for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page += 1) {
      while (!this.#pages.has(page)) {
        await this.#fetch(page); // again when the list was made anew meanwhile
      }
    }
    const found = [];
    for (let place = first; place <= last; place += 1) {
      const item = this.at(place);
      if (item) {
        found.push(item);
      }
    }
    return found;
  }

  /** Forget what is known and ask again, because other images match now. */
  async reload(place) {
    this.#generation += 1;
    this.#waiting.clear();
    const keep = this.#pages;
    this.#pages = new Map(); // a page on its way belongs to the old list
    await this.#fetch(Math.floor(Math.min(place, Math.max(0, this.total - 1)) / PAGE));
    keep.clear();
  }

  #fetch(page) {
    if (!this.#waiting.has(page)) {
      const generation = this.#generation;
      const asked = this.#ask(page * PAGE, generation).then((answer) => {
        if (answer && generation === this.#generation) {
          this.#waiting.delete(page);
          this.#take(page, answer);
        }
      });
      this.#waiting.set(page, asked);
    }
    return this.#waiting.get(page);
  }

  async #ask(offset, generation) {
    const url = new URL(this.#url, location.href);
    url.search = new URLSearchParams({ ...this.#query, offset, limit: PAGE });
    for (let wait = 500; generation === this.#generation; wait = Math.min(2 * wait, 8000)) {
      try {
        const response = await fetch(url, { headers: { Accept: "application/json" } });
        if (response.ok) {
          return await response.json();
        }
      } catch {
        // No connection: asked for again, the tiles stay empty until then.
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
    return null;
  }

  #take(page, { total, rows }) {
    const items = rows.map(([id, name, class_id, version, state, hash, marks, note]) => {
      const [unsure, skipped] = [marks.includes("u"), marks.includes("s")];
      return { id, name, class_id, version, state, hash, unsure, skipped, note };
    });
    this.#pages.set(page, items);
    for (const item of items) {
      this.#byId.set(item.id, item);
    }
    this.total = total;
    this.dispatchEvent(new Event("change"));
  }
}
