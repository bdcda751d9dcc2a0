// What the import page shows of an import that runs: two bars with rates and the time left, problems, pictures.

const SHOWN_PROBLEMS = 300;
const SHOWN_PICTURES = 24;
const WINDOW = 15; // seconds that rates are taken over

const by = (id) => document.getElementById(id);
const numbers = new Intl.NumberFormat(document.documentElement.lang);
/** A number as the reader writes it. */
export const number = (value) => numbers.format(value);
export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_all, name) => values[name]);

/** How fast a number grows, over the last seconds. */
export class Rate {
  #points = [];

  add(value) {
    const now = performance.now() / 1000;
    this.#points.push([now, value]);
    while (this.#points.length > 2 && this.#points[0][0] < now - WINDOW) this.#points.shift();
  }

  get perSecond() {
    if (this.#points.length < 2) return 0;
    const [first, last] = [this.#points[0], this.#points.at(-1)];
    return (last[1] - first[1]) / Math.max(last[0] - first[0], 0.2);
  }
}

/** The card of one import. Sizes in bytes, counts in files. */
export class View {
  counts = { new: 0, duplicate: 0, refused: 0, skipped: 0 };
  sent = 0;
  note = "";
  #sending = new Rate();
  #storing = new Rate();

  constructor(texts, { name, total, bytes, already = 0 }) {
    Object.assign(this, { texts, total, bytes, already });
    this.aside(false);
    for (const id of ["running-bar", "running-text"]) by(id).hidden = false;
    by("running-title").textContent = fill(texts.title, { name });
    for (const id of ["running-problems", "running-again", "running-report", "running-done"]) by(id).hidden = true;
    by("running-problems").querySelector("tbody").replaceChildren();
    by("running-pictures").replaceChildren();
    this.draw();
  }

  get done() {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
  }

  /** Show the numbers of this moment; `note` stays until the next one. */
  draw(note = this.note) {
    this.note = note;
    const sent = Math.min(this.sent, this.bytes); // what a request says besides the files was counted, too
    this.#sending.add(this.sent);
    this.#storing.add(this.done);
    bar("running-bar", sent, this.bytes);
    by("running-text").textContent = fill(this.texts.sending, {
      sent: (sent / 2 ** 20).toFixed(1),
      bytes: (this.bytes / 2 ** 20).toFixed(1),
      speed: (this.#sending.perSecond / 2 ** 20).toFixed(1),
    });
    if (this.total) this.#drawStored();
    by("running-note").textContent = note;
  }

  #drawStored() {
    by("running-done").hidden = false;
    bar("running-done-bar", this.already + this.done, this.total);
    const left = this.total - this.already - this.done;
    const rate = this.#storing.perSecond;
    const lines = [
      fill(this.texts.stored, { done: number(this.already + this.done), total: number(this.total), rate: number(Math.round(rate)) }),
      fill(this.texts.counts, Object.fromEntries(Object.entries(this.counts).map(([name, count]) => [name, number(count)]))),
    ];
    if (left > 0 && rate > 0) lines.push(fill(this.texts.left, { time: span(left / rate, this.texts) }));
    by("running-done-text").textContent = lines.join(" · ");
  }

  add(counts) {
    for (const [name, count] of Object.entries(counts)) this.counts[name] += count;
  }

  problem(path, message) {
    const body = by("running-problems").querySelector("tbody");
    if (body.rows.length >= SHOWN_PROBLEMS) return;
    const row = body.insertRow();
    const name = document.createElement("bdi");
    name.textContent = path;
    row.insertCell().append(name);
    row.insertCell().textContent = message;
    by("running-problems").hidden = false;
  }

  /** Nothing of a file is imported: its name and the reason stay. */
  refused(name, message) {
    by("running-title").textContent = fill(this.texts.refused, { name });
    for (const id of ["running-bar", "running-text"]) by(id).hidden = true;
    this.problem(name, message);
  }

  /** Out of the way while a question is asked. */
  aside(away) {
    by("running").hidden = away;
  }

  pictures(addresses) {
    for (const address of addresses) {
      const picture = document.createElement("img");
      Object.assign(picture, { src: address, alt: "", width: 64, height: 64, decoding: "async" });
      picture.addEventListener("error", () => picture.remove()); // the server is away
      by("running-pictures").prepend(picture);
    }
    const shown = [...by("running-pictures").children];
    for (const old of shown.slice(SHOWN_PICTURES)) old.remove();
  }
}

function bar(id, value, max) {
  by(id).max = Math.max(1, max);
  by(id).value = Math.min(value, max);
}

export function span(seconds, texts) {
  if (seconds < 90) return fill(texts.seconds, { count: Math.max(1, Math.round(seconds)) });
  return fill(texts.minutes, { count: Math.round(seconds / 60) });
}
