// The one big picture: loads the next ones ahead of time and keeps the last ones, zooms, and shows small pictures with
// smooth or with single pixels.

const AHEAD = 8;
const BEHIND = 20;
const PIXELS = "miwake.pixels";

export class Stage {
  #place = document.getElementById("stage");
  #note = document.getElementById("stage-note");
  #zoom = document.getElementById("zoom");
  #pixels = document.getElementById("pixels");
  #pictures = new Map();
  #shown = null;
  #pan = { x: 0, y: 0 };
  #broken;

  constructor(brokenText) {
    this.#broken = brokenText;
    this.#pixels.checked = localStorage.getItem(PIXELS) !== null;
    this.#pixels.addEventListener("change", () => this.setPixels(this.#pixels.checked));
    this.#zoom.addEventListener("input", () => this.#arrange());
    this.#place.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.#place.addEventListener("pointerdown", (event) => this.#drag(event));
    this.setPixels(this.#pixels.checked);
  }

  /** Show `items[index]`; returns when it can be seen. */
  async show(items, index) {
    for (const item of items.slice(index, index + AHEAD + 1)) {
      this.#load(item);
    }
    const kept = new Set(items.slice(Math.max(0, index - BEHIND), index + AHEAD + 1).map((item) => item.id));
    for (const id of this.#pictures.keys()) {
      if (!kept.has(id)) {
        this.#pictures.delete(id);
      }
    }
    const picture = this.#pictures.get(items[index].id);
    this.#shown = picture;
    this.#pan = { x: 0, y: 0 };
    this.#note.hidden = true;
    this.#place.querySelector(".picture")?.remove();
    this.#place.prepend(picture);
    this.#arrange();
    try {
      await picture.decode();
    } catch {
      if (this.#shown === picture && !picture.naturalWidth) {
        this.#note.textContent = this.#broken;
        this.#note.hidden = false;
        this.#pictures.delete(items[index].id); // asked for again next time
      }
    }
  }

  /** One step larger (+1) or smaller (-1). */
  step(direction) {
    this.#zoom.valueAsNumber += direction * 0.5;
    this.#arrange();
  }

  /** Show single pixels, or a smooth picture. */
  setPixels(on) {
    this.#pixels.checked = on;
    this.#place.classList.toggle("pixelated", on);
    if (on) {
      localStorage.setItem(PIXELS, "1");
    } else {
      localStorage.removeItem(PIXELS);
    }
  }

  togglePixels() {
    this.setPixels(!this.#pixels.checked);
  }

  #load(item) {
    if (this.#pictures.has(item.id)) {
      return;
    }
    const picture = new Image(item.width, item.height);
    picture.className = "picture";
    picture.alt = item.name;
    picture.draggable = false;
    picture.src = item.full;
    picture.decode().catch(() => {}); // a broken picture says so when it is shown
    this.#pictures.set(item.id, picture);
  }

  #arrange() {
    const scale = 2 ** this.#zoom.valueAsNumber;
    if (scale === 1) {
      this.#pan = { x: 0, y: 0 };
    }
    this.#place.classList.toggle("zoomed", scale > 1);
    if (this.#shown) {
      this.#shown.style.transform = scale === 1 ? "" : `translate(${this.#pan.x}px, ${this.#pan.y}px) scale(${scale})`;
    }
  }

  #wheel(event) {
    if (event.ctrlKey) {
      return; // the browser's own zoom
    }
    event.preventDefault();
    this.#zoom.valueAsNumber -= Math.sign(event.deltaY) * 0.25;
    this.#arrange();
  }

  #drag(event) {
    if (event.button !== 0 || this.#zoom.valueAsNumber === 0) {
      return;
    }
    const start = { x: event.clientX - this.#pan.x, y: event.clientY - this.#pan.y };
    const move = (moved) => {
      this.#pan = { x: moved.clientX - start.x, y: moved.clientY - start.y };
      this.#arrange();
    };
    const end = () => this.#place.removeEventListener("pointermove", move);
    this.#place.setPointerCapture(event.pointerId);
    this.#place.addEventListener("pointermove", move);
    this.#place.addEventListener("pointerup", end, { once: true });
    this.#place.addEventListener("pointercancel", end, { once: true });
  }
}
