// Correcting a wrong label where a picture is seen: the tile, the large picture and a bar with the number of changed
// labels follow at once, and the change is saved in the background.

import { connectPicker } from "./picker.js";
import { fill, showConflicts } from "./save-view.js";
import { Saver } from "./saver.js";
import { classKey, register } from "./shortcuts.js";
import { toast } from "./toast.js";

const tileOfImage = (image) => document.querySelector(`.tile[data-image="${image}"]`);

export class Corrections {
  #walk;
  #place;
  #page;
  #texts;
  #words;
  #changed;
  #classes;
  #saver;
  #requests = new Map(); // request id -> {item, before} for undo

  /** `changed(difference)` is told how many labels more differ from those that were seen. */
  constructor({ walk, place, page, texts, words, changed }) {
    this.#walk = walk;
    this.#place = place;
    this.#page = page;
    this.#texts = texts;
    this.#words = words;
    this.#changed = changed;
    this.#classes = new Map(page.classes.map((item) => [item.id, item]));
    this.#saver = new Saver(page);
    this.#connectSaver();
    place.addEventListener("click", (event) => {
      const button = event.target.closest(".fix-class");
      if (button) {
        this.fix(Number(button.dataset.class));
      }
    });
  }

  /** Let keys walk and correct; `more` are shortcuts of the page alone. */
  connectKeys(more) {
    const words = this.#words;
    const { group } = words;
    const offered = this.#page.classes.filter((item) => item.key !== "" && !item.retired);
    const pick = connectPicker(this.#page.classes, (classId) => this.fix(classId));
    register([
      { keys: ["ArrowRight", "KeyJ", "Space"], group, label: words.next, repeat: true, run: () => this.#walk.step(1) },
      { keys: ["ArrowLeft", "KeyK"], group, label: words.previous, repeat: true, run: () => this.#walk.step(-1) },
      ...offered.map((item) => ({
        keys: [classKey(item.key)], fixed: true, group, label: fill(words.fix, { name: item.name }), run: () => this.fix(item.id),
      })),
      { keys: ["KeyZ", "Ctrl+KeyZ"], group, label: words.undo, run: () => this.undo() },
      { keys: ["Shift+KeyZ", "Ctrl+Shift+KeyZ"], group, label: words.redo, run: () => this.#saver.redo() },
      { keys: ["Slash"], group, label: words.pick, run: pick },
      ...more.map((item) => ({ ...item, group })),
    ]);
  }

  /** Bring the large picture in line with its tile. */
  arrange() {
    for (const button of this.#place.querySelectorAll(".fix-class")) {
      button.disabled = false;
    }
    this.#showNow();
  }

  /** Labels of an earlier visit that the server does not have yet. */
  adoptPending() {
    for (const [image, classId] of this.#saver.pending()) {
      const one = tileOfImage(image);
      if (one) {
        this.#setNow(one, classId === null ? "" : String(classId));
      }
    }
  }

  /** Give the picture that is shown a class, and go on. */
  fix(classId) {
    const one = this.#walk.tile(this.#walk.current);
    const before = one.dataset.now;
    if (before !== String(classId)) {
      const image = { imageId: Number(one.dataset.image), version: Number(one.dataset.version) };
      this.#requests.set(this.#saver.assign([image], classId, "review"), { item: Number(one.dataset.item), before });
      this.#setNow(one, String(classId));
      const text = fill(this.#words.fixed, { name: one.dataset.name, label: this.#name(classId) });
      toast(text, { action: { label: this.#texts.undo, run: () => this.undo() } });
    }
    this.#walk.step(1);
  }

  /** Take the last correction back, and show its picture. */
  undo() {
    const last = [...this.#requests.keys()].at(-1);
    if (last === undefined) {
      this.#saver.undo(); // the newest change of an earlier visit; the answer says which
      return;
    }
    const { item, before } = this.#requests.get(last);
    this.#requests.delete(last);
    this.#saver.undo(last);
    const one = this.#walk.tile(item);
    this.#setNow(one, before);
    this.#walk.show(item, one.href);
  }

  #name(id) {
    return id === "" || id === null ? this.#texts.none : this.#classes.get(Number(id))?.name ?? "?";
  }

  // Note that an image now has the class `now`: a string, "" for none.
  #setNow(one, now) {
    const { seen } = one.dataset;
    const difference = Number(now !== seen) - Number(one.dataset.now !== seen);
    one.dataset.now = now;
    const badge = one.querySelector(".tile-now");
    badge.textContent = this.#name(now);
    badge.hidden = now === seen;
    this.#changed(difference);
    this.#showNow();
  }

  #showNow() {
    const { now, seen } = this.#walk.tile(this.#walk.current).dataset;
    const line = this.#place.querySelector(".label-now");
    line.hidden = now === seen;
    line.querySelector("strong").textContent = this.#name(now);
    for (const button of this.#place.querySelectorAll(".fix-class")) {
      button.setAttribute("aria-pressed", String(button.dataset.class === now));
    }
  }

  #learn(images) {
    for (const image of images) {
      const one = tileOfImage(image.image_id);
      if (one) {
        one.dataset.version = image.version;
        this.#setNow(one, image.class_id === null ? "" : String(image.class_id));
      }
    }
  }

  #connectSaver() {
    const saver = this.#saver;
    saver.addEventListener("saved", ({ detail: { answer } }) => {
      if (!saver.count) {
        this.#learn(answer.images ?? []);
      }
    });
    saver.addEventListener("rejected", ({ detail: { error } }) => toast(error.message, { error: true }));
    showConflicts(saver, document.getElementById("conflicts"), {
      texts: this.#texts,
      classes: this.#classes,
      describe: (image) => tileOfImage(image)?.dataset.name ?? String(image),
      adopt: (conflicts, entry) => {
        this.#requests.delete(entry.body.request_id);
        this.#learn(conflicts);
      },
      insist: (entry, conflicts) => {
        const images = conflicts.map((other) => ({ imageId: other.image_id, version: other.version }));
        saver.assign(images, entry.body.class_id, "review");
        conflicts.forEach((other) => this.#setNow(tileOfImage(other.image_id), String(entry.body.class_id)));
      },
    });
  }
}
