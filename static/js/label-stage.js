// The one big picture: loads the next ones ahead of time and keeps the last ones. It can be zoomed, moved, turned, shown
// with more contrast, inverted, and with single pixels. All of that is how it is looked at; the file never changes.

const AHEAD = 8;
const BEHIND = 20;
const PIXELS = "miwake.pixels";
const CONTRASTS = [1, 1.5, 2, 3, 0.6];
const PAN = 60; // pixels of one key press

export class Stage {
  #place = document.getElementById("stage");
  #note = document.getElementById("stage-note");
  #zoom = document.getElementById("zoom");
  #pixels = document.getElementById("pixels");
  #pictures = new Map();
  #shown = null;
  #contrast = document.getElementById("contrast");
  #invert = document.getElementById("invert");
  #pan = { x: 0, y: 0 };
  #turns = 0; // quarters to the right
  #broken;

  constructor(brokenText) {
    this.#broken = brokenText;
    this.#pixels.checked = localStorage.getItem(PIXELS) !== null;
    this.#pixels.addEventListener("change", () => this.setPixels(this.#pixels.checked));
    for (const control of [this.#zoom, this.#contrast, this.#invert]) {
      control.addEventListener("input", () => this.#arrange());
    }
    document.getElementById("turn").addEventListener("click", () => this.turn(1));
    document.getElementById("plain-view").addEventListener("click", () => this.reset());
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
    this.#turns = 0;
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

  /** Turn the picture by quarters, to the right when positive. */
  turn(quarters) {
    this.#turns = (this.#turns + quarters + 4) % 4;
    this.#arrange();
  }

  /** The next step of contrast; after the last one as it is. */
  nextContrast() {
    const at = CONTRASTS.indexOf(this.#contrast.valueAsNumber);
    this.#contrast.valueAsNumber = CONTRASTS[(at + 1) % CONTRASTS.length];
    this.#arrange();
  }

  toggleInvert() {
    this.#invert.checked = !this.#invert.checked;
    this.#arrange();
  }

  /** Move a zoomed picture by steps. */
  move(x, y) {
    if (this.#zoom.valueAsNumber > 0) {
      this.#pan = { x: this.#pan.x - x * PAN, y: this.#pan.y - y * PAN };
      this.#arrange();
    }
  }

  /** As the file has it. */
  reset() {
    this.#zoom.valueAsNumber = 0;
    this.#contrast.valueAsNumber = 1;
    this.#invert.checked = false;
    this.#turns = 0;
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
    if (!this.#shown) {
      return;
    }
    const whole = scale * this.#fit();
    const plain = whole === 1 && this.#turns === 0;
    this.#shown.style.transform = plain
      ? ""
      : `translate(${this.#pan.x}px, ${this.#pan.y}px) scale(${whole}) rotate(${this.#turns * 90}deg)`;
    const contrast = this.#contrast.valueAsNumber;
    const filters = [contrast === 1 ? "" : `contrast(${contrast})`, this.#invert.checked ? "invert(1)" : ""];
    this.#shown.style.filter = filters.filter(Boolean).join(" ");
  }

  // A picture on its side must fit too: width and height change places.
  #fit() {
    if (this.#turns % 2 === 0) {
      return 1;
    }
    const { clientWidth: width, clientHeight: height } = this.#place;
    const [across, down] = [Number(this.#shown.getAttribute("width")), Number(this.#shown.getAttribute("height"))];
    const fitted = (w, h) => Math.min(width / w, height / h);
    return fitted(down, across) / fitted(across, down);
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
