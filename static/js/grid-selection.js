// What is selected in the grid: images by id, or all that match the filter.
//
// Images that are chosen may still be on their way. What is chosen or done after them waits for its turn, so that no click
// and no key is lost or meets another selection than the reader meant.

export class Selection extends EventTarget {
  #items = new Map();
  #base = new Map();
  #anchor = 0;
  #images;
  #line = null; // what waits for images
  all = false;
  changes = 0; // how often another selection was made

  constructor(images) {
    super();
    this.#images = images;
  }

  get count() {
    return this.all ? this.#images.total : this.#items.size;
  }

  /** True while images that were chosen are on their way. */
  get coming() {
    return this.#line !== null;
  }

  /** True when something is selected, or will be. */
  get some() {
    return this.count > 0 || this.coming;
  }

  get items() {
    return [...this.#items.values()];
  }

  has(item) {
    return this.all || this.#items.has(item.id);
  }

  /** Do `act` once everything that was chosen before it is selected: at once, or when its images have come. */
  inTurn(act) {
    this.#next(() => void act());
  }

  /** The image at `place` alone; with `adds` it is added to the others, or taken off. */
  pick(place, adds) {
    this.#next(() => {
      const item = this.#images.at(place);
      return item ? this.#pick(item, place, adds) : this.#pickLater(place, adds);
    });
  }

  /** A range begins at `place` from now on. */
  startAt(place) {
    this.#next(() => {
      this.#anchor = place;
      this.#base = this.#items;
    });
  }

  /** From the image chosen last to `place`, added to what was selected before. */
  range(place) {
    this.#next(async () => {
      const [first, last] = [Math.min(this.#anchor, place), Math.max(this.#anchor, place)];
      const found = await this.#images.range(first, last);
      this.#items = new Map([...this.#base, ...found.map((item) => [item.id, item])]);
      this.#tell(false);
    });
  }

  /** The images of a rubber band, added to `before` (a selection's items). */
  band(items, before) {
    this.#next(() => {
      this.#items = new Map([...before, ...items].map((item) => [item.id, item]));
      this.#base = this.#items;
      this.#tell(false);
    });
  }

  everything() {
    this.#next(() => (this.#images.listed ? this.#allListed() : this.#take([], true)));
  }

  clear() {
    this.#next(() => this.#set(new Map(), this.#anchor));
  }

  #next(act) {
    const done = this.#line ? this.#line.then(act) : act();
    if (done instanceof Promise) {
      const line = done.finally(() => {
        this.#line = this.#line === line ? null : this.#line;
      });
      this.#line = line;
    }
  }

  #pick(item, place, adds) {
    const next = adds && !this.all ? new Map(this.#items) : new Map();
    if (!next.delete(item.id)) {
      next.set(item.id, item);
    }
    this.#set(next, place);
  }

  async #pickLater(place, adds) {
    this.#anchor = place;
    const [item] = await this.#images.range(place, place);
    if (item) {
      this.#pick(item, place, adds);
    }
  }

  async #allListed() {
    this.#take(await this.#images.range(0, this.#images.total - 1), false);
  }

  #take(items, all) {
    this.#items = new Map(items.map((item) => [item.id, item]));
    this.#base = this.#items;
    this.#tell(all);
  }

  #set(items, anchor) {
    this.#items = items;
    this.#base = items;
    this.#anchor = anchor;
    this.#tell(false);
  }

  #tell(all) {
    this.all = all;
    this.changes += 1;
    this.dispatchEvent(new Event("change"));
  }
}
