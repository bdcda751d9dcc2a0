// The virtual grid: only the tiles near the window exist, each at its fixed place in a tall scroller.

const BUFFER_ROWS = 1;
const GAP = 4;
const CAPTION = 24;
const SIZE = "miwake.tile-size";

export class GridView {
  #root;
  #space;
  #tiles = new Map();
  #images;
  #render;
  #frame = 0;
  #columns = 1;
  #size;
  focused = 0;

  /** `render(tile, item, place)` fills a tile; `item` is undefined while it is being fetched. */
  constructor(root, images, render) {
    this.#root = root;
    this.#images = images;
    this.#render = render;
    this.#size = Number(localStorage.getItem(SIZE)) || 120;
    this.#space = document.createElement("div");
    this.#space.className = "grid-space";
    root.append(this.#space);
    root.addEventListener("scroll", () => this.#later(), { passive: true });
    images.addEventListener("change", () => this.layout());
    new ResizeObserver(() => this.layout()).observe(root);
  }

  get columns() {
    return this.#columns;
  }

  get rowsInView() {
    return Math.max(1, Math.floor(this.#root.clientHeight / this.#height));
  }

  get #width() {
    return Math.floor((this.#root.clientWidth - GAP) / this.#columns);
  }

  get #height() {
    return this.#width + CAPTION;
  }

  get size() {
    return this.#size;
  }

  set size(pixels) {
    const top = Math.floor(this.#root.scrollTop / this.#height) * this.#columns;
    this.#size = pixels;
    localStorage.setItem(SIZE, pixels);
    this.layout();
    this.#root.scrollTop = Math.floor(top / this.#columns) * this.#height; // the same pictures stay in view
  }

  /** The first place in view. */
  get top() {
    return Math.floor(this.#root.scrollTop / this.#height) * this.#columns;
  }

  layout() {
    this.#columns = Math.max(1, Math.floor((this.#root.clientWidth - GAP) / (this.#size + GAP)));
    this.#space.style.height = `${Math.ceil(this.#images.total / this.#columns) * this.#height + GAP}px`;
    this.focused = Math.max(0, Math.min(this.focused, this.#images.total - 1));
    this.paint();
  }

  /** Bring the tiles in view up to date. */
  paint() {
    const { scrollTop, clientHeight } = this.#root;
    const first = Math.max(0, Math.floor(scrollTop / this.#height) - BUFFER_ROWS) * this.#columns;
    const last = (Math.ceil((scrollTop + clientHeight) / this.#height) + BUFFER_ROWS) * this.#columns;
    const end = Math.min(this.#images.total, last);
    for (const [place, tile] of this.#tiles) {
      if (place < first || place >= end) {
        tile.remove();
        this.#tiles.delete(place);
      }
    }
    const fresh = document.createDocumentFragment();
    for (let place = first; place < end; place += 1) {
      let tile = this.#tiles.get(place);
      if (!tile) {
        tile = this.#make(place);
        fresh.append(tile);
      }
      this.#arrange(tile, place);
      this.#render(tile, this.#images.at(place), place);
    }
    this.#root.append(fresh);
    this.#root.setAttribute("aria-activedescendant", `tile-${this.focused}`);
  }

  /** Scroll so that `place` can be seen. */
  reveal(place) {
    const top = Math.floor(place / this.#columns) * this.#height;
    const { scrollTop, clientHeight } = this.#root;
    if (top < scrollTop) {
      this.#root.scrollTop = top;
    } else if (top + this.#height > scrollTop + clientHeight) {
      this.#root.scrollTop = top + this.#height - clientHeight + GAP;
    }
  }

  /** The places whose tiles touch the rectangle (in pixels of the scrolled content). */
  within({ left, top, right, bottom }) {
    const column = (x) => Math.max(0, Math.min(this.#columns - 1, Math.floor(x / this.#width)));
    const rows = [Math.max(0, Math.floor(top / this.#height)), Math.floor(bottom / this.#height)];
    const found = [];
    for (let row = rows[0]; row <= rows[1]; row += 1) {
      for (let at = column(left); at <= column(right); at += 1) {
        const place = row * this.#columns + at;
        if (place < this.#images.total) {
          found.push(place);
        }
      }
    }
    return found;
  }

  #later() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.paint();
    });
  }

  #make(place) {
    const tile = document.createElement("div");
    tile.className = "grid-tile";
    tile.id = `tile-${place}`;
    tile.dataset.place = place;
    tile.setAttribute("role", "option");
    tile.setAttribute("aria-posinset", place + 1);
    const picture = new Image();
    picture.decoding = "async";
    picture.alt = "";
    picture.draggable = false;
    const label = document.createElement("span");
    label.className = "grid-label";
    tile.append(picture, label);
    this.#tiles.set(place, tile);
    return tile;
  }

  #arrange(tile, place) {
    const x = (place % this.#columns) * this.#width + GAP;
    const y = Math.floor(place / this.#columns) * this.#height + GAP;
    tile.style.transform = `translate(${x}px, ${y}px)`;
    tile.style.width = `${this.#width - GAP}px`;
    tile.style.height = `${this.#height - GAP}px`;
    tile.setAttribute("aria-setsize", this.#images.total);
  }
}
