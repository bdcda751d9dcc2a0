// Draws the points into a canvas, pixel by pixel: 100,000 of them in a few milliseconds. Moves and zooms.

import { SIDE } from "./map-points.js";

const MOST_ZOOM = 60;
const MARGIN = 0.04;

export class MapView {
  #canvas;
  #context;
  #points;
  #frame = 0;
  #image = null;
  #packed = new Uint32Array(0); // the colour of each point
  #order = new Uint32Array(0); // points without a value first, so that the others lie upon them
  selected = new Set();
  lasso = [];
  zoom = 1;
  x = SIDE / 2; // the middle of the window, on the plane
  y = SIDE / 2;

  constructor(canvas, points) {
    this.#canvas = canvas;
    this.#points = points;
    this.#context = canvas.getContext("2d", { alpha: true });
    new ResizeObserver(() => this.#resize()).observe(canvas);
    this.#resize();
  }

  #resize() {
    const ratio = Math.min(devicePixelRatio, 2);
    const { clientWidth, clientHeight } = this.#canvas;
    this.#canvas.width = Math.max(1, Math.round(clientWidth * ratio));
    this.#canvas.height = Math.max(1, Math.round(clientHeight * ratio));
    this.#image = this.#context.createImageData(this.#canvas.width, this.#canvas.height);
    this.draw();
  }

  /** Colour the points: `values` has a place in `entries` for each. */
  colour({ values, entries }) {
    const shades = entries.map(({ colour: [red, green, blue] }) => (255 << 24) | (blue << 16) | (green << 8) | red);
    this.#packed = Uint32Array.from(values, (value) => shades[value] >>> 0);
    const below = [];
    const above = [];
    for (let place = 0; place < values.length; place += 1) {
      (values[place] ? above : below).push(place);
    }
    this.#order = Uint32Array.from([...below, ...above]);
    this.draw();
  }

  /** Pixels of the canvas for each unit of the plane. */
  get scale() {
    return (Math.min(this.#canvas.width, this.#canvas.height) * (1 - 2 * MARGIN) * this.zoom) / SIDE;
  }

  get #ratio() {
    return this.#canvas.width / Math.max(1, this.#canvas.clientWidth);
  }

  /** From a place in the window (CSS pixels from the corner of the canvas) to the plane. */
  toPlane(left, top) {
    const { width, height } = this.#canvas;
    return [(left * this.#ratio - width / 2) / this.scale + this.x, (top * this.#ratio - height / 2) / this.scale + this.y];
  }

  /** From the plane to CSS pixels. */
  toWindow(x, y) {
    const { width, height } = this.#canvas;
    return [((x - this.x) * this.scale + width / 2) / this.#ratio, ((y - this.y) * this.scale + height / 2) / this.#ratio];
  }

  /** Move by CSS pixels. */
  move(right, down) {
    this.x = Math.max(0, Math.min(SIDE, this.x - (right * this.#ratio) / this.scale));
    this.y = Math.max(0, Math.min(SIDE, this.y - (down * this.#ratio) / this.scale));
    this.draw();
  }

  /** Zoom by a factor; what lies under the given place of the window stays there. */
  zoomAt(factor, left = this.#canvas.clientWidth / 2, top = this.#canvas.clientHeight / 2) {
    const [x, y] = this.toPlane(left, top);
    this.zoom = Math.max(1, Math.min(MOST_ZOOM, this.zoom * factor));
    const [nowX, nowY] = this.toPlane(left, top);
    this.x = Math.max(0, Math.min(SIDE, this.x + x - nowX));
    this.y = Math.max(0, Math.min(SIDE, this.y + y - nowY));
    this.draw();
  }

  fit() {
    [this.zoom, this.x, this.y] = [1, SIDE / 2, SIDE / 2];
    this.draw();
  }

  draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint();
    });
  }

  #paint() {
    const { width, height } = this.#canvas;
    const pixels = new Uint32Array(this.#image.data.buffer);
    pixels.fill(0);
    const crowd = this.#points.count > 20_000 ? 2 : this.#points.count > 3000 ? 3 : 5;
    const size = Math.round((crowd + Math.log2(this.zoom)) * Math.max(1, this.#ratio * 0.8));
    const [scale, x, y] = [this.scale, this.x, this.y];
    const { x: xs, y: ys } = this.#points;
    const dim = this.selected.size > 0;
    for (const place of this.#order) {
      const left = Math.round((xs[place] - x) * scale + (width - size) / 2);
      const top = Math.round((ys[place] - y) * scale + (height - size) / 2);
      if (left < 0 || top < 0 || left + size > width || top + size > height) {
        continue;
      }
      const shade = this.#packed[place];
      const colour = dim && !this.selected.has(place) ? (shade & 0x00ffffff) | 0x38000000 : shade;
      for (let row = top * width + left; row < (top + size) * width; row += width) {
        for (let at = row; at < row + size; at += 1) {
          pixels[at] = colour;
        }
      }
    }
    this.#context.putImageData(this.#image, 0, 0);
    this.#drawLasso();
  }

  #drawLasso() {
    if (this.lasso.length < 2) {
      return;
    }
    const context = this.#context;
    const style = getComputedStyle(this.#canvas);
    context.beginPath();
    this.lasso.forEach(([x, y], at) => {
      const [left, top] = this.toWindow(x, y).map((value) => value * this.#ratio);
      context[at ? "lineTo" : "moveTo"](left, top);
    });
    context.closePath();
    context.lineWidth = 2 * this.#ratio;
    context.setLineDash([6 * this.#ratio, 4 * this.#ratio]);
    context.strokeStyle = style.color;
    context.stroke();
  }
}
