// What is selected in the grid: images by id, or all that match the filter.
//
// Images that are chosen may still be on their way. What is chosen after them waits for its turn, so that no click is
// lost; nothing is done with a selection that is not there yet, so that no key meets another one than the reader meant.
// To choose anew, or nothing, ends the waiting.

export class Selection extends EventTarget {
  #items = new Map();
  #base = new Map();
  #anchor = 0;
  #images;
  #line = null; // what waits for images
  #turn = 0; // begins anew with each choice that leaves nothing of those before it
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

  /** Do `act` with what is selected; nothing while some of it is still on its way. */
  settled(act) {
    if (!this.coming) {
      act();
    }
  }

  /** The image at `place` alone; with `adds` it is added to the others, or taken off. */
  pick(place, adds) {
    if (!adds) {
      this.#anew();
    }
    this.#next((still) => {
      const item = this.#images.at(place);
      return item ? this.#pick(item, place, adds) : this.#pickLater(place, adds, still);
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
    this.#next(async (still) => {
      const [first, last] = [Math.min(this.#anchor, place), Math.max(this.#anchor, place)];
      const found = await this.#images.range(first, last);
      if (still()) {
        this.#items = new Map([...this.#base, ...found.map((item) => [item.id, item])]);
        this.#tell(false);
      }
    });
  }

  /** The images at the places that a rubber band covers, in their order, added to `before` (a selection's items). */
  band(places, before) {
    this.#anew();
    const found = places.map((place) => this.#images.at(place));
    this.#take([...before, ...found.filter(Boolean)], false);
    if (found.includes(undefined)) {
      this.#next((still) => this.#bandLater(places, before, still));
    }
  }

  everything() {
    this.#anew();
    if (this.#images.listed) {
      this.#next((still) => this.#allListed(still));
    } else {
      this.#take([], true);
    }
  }

  clear() {
    this.#anew();
    this.#set(new Map(), this.#anchor);
  }

  #anew() {
    this.#turn += 1;
    this.#line = null;
  }

  #next(choose) {
    const turn = this.#turn;
    const still = () => turn === this.#turn;
    const done = this.#line ? this.#line.then(() => still() && choose(still)) : choose(still);
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

  async #pickLater(place, adds, still) {
    this.#anchor = place;
    const [item] = await this.#images.range(place, place);
    if (item && still()) {
      this.#pick(item, place, adds);
    }
  }

  async #bandLater(places, before, still) {
    const [first, last] = [places[0], places.at(-1)];
    await this.#images.range(first, last);
    if (still()) {
      const items = places.map((place) => this.#images.at(place));
      this.#take([...before, ...items.filter(Boolean)], false);
    }
  }

  async #allListed(still) {
    const items = await this.#images.range(0, this.#images.total - 1);
    if (still()) {
      this.#take(items, false);
    }
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
