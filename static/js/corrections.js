// Correcting a wrong label where a picture is seen: the tile, the large picture and a bar with the number of changed
// labels follow at once, and the change is saved in the background.

import { connectPicker } from "./picker.js";
import { isRight, markOf, setMark, showOnForm, showOnTile } from "./picture-marks.js";
import { fill, showConflicts } from "./save-view.js";
import { Saver } from "./saver.js";
import { classKey, register } from "./shortcuts.js";
import { toast, withdraw } from "./toast.js";

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
  #requests = new Map(); // request id -> {item, field, before} for undo

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
    if (this.#walk.busy) {
      return;
    }
    const one = this.#walk.tile(this.#walk.current);
    const before = one.dataset.now;
    if (before !== String(classId)) {
      const image = { imageId: Number(one.dataset.image), version: Number(one.dataset.version) };
      this.#requests.set(this.#saver.assign([image], classId, "review"), { item: Number(one.dataset.item), field: "label", before });
      this.#setNow(one, String(classId));
      this.#say(one, this.#name(classId));
    }
    this.#walk.step(1);
  }

  /** Set a mark of the picture that is shown, and go on; null takes it off and stays. */
  mark(field, value) {
    if (this.#walk.busy) {
      return;
    }
    const one = this.#walk.tile(this.#walk.current);
    const [item, before] = [Number(one.dataset.item), markOf(one, field)];
    const images = { image_ids: [Number(one.dataset.image)] };
    this.#requests.set(this.#saver.mark(images, field, value, "review"), { item, field, before });
    this.#put(one, field, value);
    if (value !== null) {
      this.#say(one, this.#words[field]);
      this.#walk.step(1);
    }
  }

  /** Set a mark of the picture that is shown, or take it off when it is set. */
  toggle(field) {
    if (this.#walk.busy) {
      return;
    }
    const one = this.#walk.tile(this.#walk.current);
    if (field === "excluded") {
      this.mark(field, markOf(one, field) === null ? "" : null);
    } else if (one.dataset.now === "") {
      toast(this.#words.none);
    } else {
      this.mark(field, isRight(one) ? null : one.dataset.now);
    }
  }

  /** Take the last correction back, and show its picture. */
  undo() {
    withdraw();
    const last = [...this.#requests.keys()].at(-1);
    if (last === undefined) {
      this.#saver.undo(); // the newest change of an earlier visit; the answer says which
      return;
    }
    const { item, field, before } = this.#requests.get(last);
    this.#requests.delete(last);
    this.#saver.undo(last);
    const one = this.#walk.tile(item);
    this.#put(one, field, before);
    this.#walk.show(item, one.href);
  }

  #say(one, label) {
    const text = fill(this.#words.fixed, { name: one.dataset.name, label });
    toast(text, { action: { label: this.#texts.undo, run: () => this.undo() } });
  }

  // Note that an image now has a label or a mark.
  #put(one, field, value) {
    if (field === "label") {
      this.#setNow(one, value);
    } else {
      setMark(one, field, value);
      showOnTile(one, this.#words);
      this.#showNow();
    }
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
    if (one.querySelector(".tile-mark")) {
      showOnTile(one, this.#words); // a label that was found right is so no more when it changes
    }
    this.#showNow();
  }

  #showNow() {
    const one = this.#walk.tile(this.#walk.current);
    const { now, seen } = one.dataset;
    const line = this.#place.querySelector(".label-now");
    line.hidden = now === seen;
    line.querySelector("strong").textContent = this.#name(now);
    for (const button of this.#place.querySelectorAll(".fix-class")) {
      button.setAttribute("aria-pressed", String(button.dataset.class === now));
    }
    const form = this.#place.querySelector(".mark-acts");
    if (form) {
      showOnForm(form, one, this.#words, this.#page.reasons);
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

  // Marks as the server wrote them, such as by undoing what an earlier visit did.
  #learnMarks({ field, marks = [] }) {
    for (const { image_id, value } of ["excluded", "checked"].includes(field) ? marks : []) {
      const one = tileOfImage(image_id);
      if (one?.querySelector(".tile-mark")) {
        this.#put(one, field, value);
      }
    }
  }

  #connectSaver() {
    const saver = this.#saver;
    saver.addEventListener("saved", ({ detail: { answer } }) => {
      if (!saver.count) {
        this.#learn(answer.images ?? []);
        this.#learnMarks(answer);
      }
    });
    saver.addEventListener("rejected", ({ detail: { error, entry } }) => {
      toast(error.message, { error: true });
      const refused = this.#requests.get(entry.body.request_id);
      if (refused && refused.field !== "label") {
        this.#requests.delete(entry.body.request_id);
        this.#put(this.#walk.tile(refused.item), refused.field, refused.before);
      }
    });
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
