// The figures around the picture: counts, pace, the strip of the last labels.

import { readableOn } from "./colors.js";
import { fill } from "./save-view.js";

const STRIP = 20;
const SMALL = 256 * 256; // pixels of a picture whose copy is no larger than its thumbnail
const PAUSE_MS = 30_000; // a longer break does not count as labelling
const PACE_OVER = 40;
const PACE_FROM = 5;
const LAST_PACE = "miwake.pace"; // images a minute of this reader, for the estimate before the first labels

const number = new Intl.NumberFormat(document.documentElement.lang);
const by = (id) => document.getElementById(id);

/** The name and state of the picture under it. */
export function showFacts(item, classes, texts, imageUrl) {
  const link = by("picture-name");
  link.textContent = item.name;
  link.href = imageUrl(item.id);
  by("similar").search = `?to=${item.id}`;
  by("picture-size").textContent = `${item.width} × ${item.height}`;
  const badge = by("picture-label");
  const label = classes.get(item.class_id);
  badge.textContent = label?.name ?? texts.none;
  badge.style.backgroundColor = label?.color ?? "";
  badge.style.color = label ? readableOn(label.color) : "";
  const excluded = by("picture-excluded");
  excluded.hidden = item.state !== "excluded";
  excluded.textContent = [texts.excluded, texts.reasons[item.reason] ?? item.reason].filter(Boolean).join(": ");
  by("picture-unsure").hidden = !item.unsure;
  by("picture-checked").hidden = !item.checked;
  by("picture-note").textContent = item.note;
  for (const button of document.querySelectorAll("[data-class]")) {
    const chosen = Number(button.dataset.class) === item.class_id;
    button.classList.toggle("chosen", chosen);
    button.setAttribute("aria-pressed", String(chosen));
  }
}

/** What the strip of the last labels says of an image. */
export function stripName(item, classes, texts) {
  if (item.state !== "active") {
    return texts.excluded;
  }
  if (item.class_id === null) {
    return item.skipped ? texts.skipped : item.unsure ? texts.unsure : texts.none;
  }
  return item.checked ? texts.checked : classes.get(item.class_id)?.name ?? texts.none;
}

/** Counts of the project that follow each label at once. */
export class Counts {
  constructor() {
    this.labelled = this.#read("labelled");
    this.total = this.#read("total");
    this.perClass = new Map();
    for (const place of document.querySelectorAll("[data-class-count]")) {
      this.perClass.set(Number(place.dataset.classCount), this.#digits(place));
    }
  }

  /** The label of an image went from `before` to `after`; an excluded image is not counted. */
  move(before, after) {
    this.labelled += (after !== null) - (before !== null);
    for (const [classId, step] of [[before, -1], [after, 1]]) {
      if (classId !== null) {
        this.perClass.set(classId, (this.perClass.get(classId) ?? 0) + step);
      }
    }
    this.draw();
  }

  /** An image left (-1) or came back into (+1) training. */
  count(classId, step) {
    this.total += step;
    if (classId !== null) {
      this.labelled += step;
      this.perClass.set(classId, (this.perClass.get(classId) ?? 0) + step);
    }
    this.draw();
  }

  draw() {
    this.#write("labelled", this.labelled);
    this.#write("total", this.total);
    this.#write("unlabelled", this.total - this.labelled);
    document.querySelector(".label-progress progress").value = this.labelled;
    document.querySelector(".label-progress progress").max = Math.max(1, this.total);
    for (const place of document.querySelectorAll("[data-class-count]")) {
      place.textContent = number.format(this.perClass.get(Number(place.dataset.classCount)) ?? 0);
    }
  }

  #read(name) {
    return this.#digits(document.querySelector(`[data-count="${name}"]`));
  }

  #digits(place) {
    return Number(place.textContent.replace(/\D/g, ""));
  }

  #write(name, value) {
    for (const place of document.querySelectorAll(`[data-count="${name}"]`)) {
      place.textContent = number.format(value);
    }
  }
}

/** Images a minute over the last labels, and the minutes that are left; shown to nobody else. */
export class Pace {
  #times = [];

  constructor(texts) {
    this.#place = by("pace");
    this.#texts = texts;
  }

  /** The estimate from the reader's pace of an earlier time. */
  begin(left) {
    const last = Number(localStorage.getItem(LAST_PACE));
    if (last > 0 && left > 0) {
      this.#show(last, left);
    }
  }

  #show(pace, left) {
    this.#place.hidden = false;
    this.#place.textContent = fill(left ? this.#texts.pace : this.#texts.pace_only, {
      pace: Math.round(pace),
      minutes: Math.ceil(left / pace),
    });
  }

  #place;
  #texts;

  tick(left) {
    const now = performance.now();
    if (this.#times.length && now - this.#times.at(-1) > PAUSE_MS) {
      this.#times = [];
    }
    this.#times = [...this.#times.slice(1 - PACE_OVER), now];
    const minutes = (now - this.#times[0]) / 60_000;
    if (this.#times.length >= PACE_FROM) {
      const pace = (this.#times.length - 1) / Math.max(minutes, 1e-6);
      localStorage.setItem(LAST_PACE, pace.toFixed(1));
      this.#show(pace, left);
    }
  }
}

/** The last labels; a click leads back to the picture. */
export class Strip {
  #list = by("strip");

  constructor(items, open) {
    this.#list.addEventListener("click", (event) => {
      const link = event.target.closest("[data-image]");
      const item = link && items(Number(link.dataset.image));
      if (item && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
        event.preventDefault();
        open(item);
      }
    });
  }

  /** Put `item` in front, as `text` with the bar in `color`. */
  add(item, text, color, url) {
    this.#list.querySelector(`[data-image="${item.id}"]`)?.parentElement.remove();
    const row = document.createElement("li");
    const link = document.createElement("a");
    link.className = "strip-item";
    link.href = url;
    link.dataset.image = item.id;
    const picture = new Image(44, 44);
    picture.alt = item.name;
    // The browser has the picture that was just labelled; where it is small its thumbnail would only be asked for.
    picture.src = item.width * item.height <= SMALL ? item.full : item.thumb;
    const name = document.createElement("span");
    name.className = "strip-name";
    name.textContent = text;
    const bar = document.createElement("span");
    bar.className = "class-bar";
    bar.style.backgroundColor = color ?? "transparent";
    link.append(picture, name, bar);
    row.append(link);
    this.#list.prepend(row);
    while (this.#list.children.length > STRIP) {
      this.#list.lastElementChild.remove();
    }
  }
}
