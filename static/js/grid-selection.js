// What is selected in the grid: images by id, or all that match the filter.

export class Selection extends EventTarget {
  #items = new Map();
  #base = new Map();
  #anchor = 0;
  #images;
  all = false;

  constructor(images) {
    super();
    this.#images = images;
  }

  get count() {
    return this.all ? this.#images.total : this.#items.size;
  }

  get items() {
    return [...this.#items.values()];
  }

  has(item) {
    return this.all || this.#items.has(item.id);
  }

  only(item, place) {
    this.#set(new Map([[item.id, item]]), place);
  }

  toggle(item, place) {
    const next = this.all ? new Map() : new Map(this.#items);
    if (!next.delete(item.id)) {
      next.set(item.id, item);
    }
    this.#set(next, place);
  }

  /** A range begins at `place` from now on. */
  startAt(place) {
    this.#anchor = place;
    this.#base = this.#items;
  }

  /** From the image chosen last to `place`, added to what was selected before. */
  async range(place) {
    const [first, last] = [Math.min(this.#anchor, place), Math.max(this.#anchor, place)];
    const found = await this.#images.range(first, last);
    this.#items = new Map([...this.#base, ...found.map((item) => [item.id, item])]);
    this.#tell(false);
  }

  /** The images of a rubber band, added to `before` (a selection's items). */
  band(items, before) {
    this.#items = new Map([...before, ...items].map((item) => [item.id, item]));
    this.#base = this.#items;
    this.#tell(false);
  }

  async everything() {
    const listed = this.#images.listed ? await this.#images.range(0, this.#images.total - 1) : [];
    this.#items = new Map(listed.map((item) => [item.id, item]));
    this.#base = this.#items;
    this.#tell(!this.#images.listed);
  }

  clear() {
    this.#set(new Map(), this.#anchor);
  }

  #set(items, anchor) {
    this.#items = items;
    this.#base = items;
    this.#anchor = anchor;
    this.#tell(false);
  }

  #tell(all) {
    this.all = all;
    this.dispatchEvent(new Event("change"));
  }
}
