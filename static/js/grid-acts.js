// What is done with the selection of the gallery, and undone: labels and marks, of images by id or of all that match.

import { markOf, setMark } from "./label-marks.js";
import { fill } from "./save-view.js";
import { toast, withdraw } from "./toast.js";

const number = new Intl.NumberFormat(document.documentElement.lang);

/** The value of a field as the server has it. */
export const valueOf = (item, field) => (field === "label" ? item.class_id : markOf(item, field));

/** Show another value of a field in a tile. */
export function setValue(item, field, value) {
  if (field === "label") {
    item.class_id = value;
  } else {
    setMark(item, field, value);
  }
}

export class Acts {
  #acted = new Map(); // request id -> {field, items, before, after} to show the old values again
  #done = [];
  #undone = [];
  #saver;
  #page;
  seen = 0; // the selection, by its number, that something was done with last

  /** `page` has selection, images, query, view, texts and className. */
  constructor(saver, page) {
    this.#saver = saver;
    this.#page = page;
  }

  /** Give the selection a class. */
  label(classId) {
    const { texts, className } = this.#page;
    this.#act("label", classId, texts.labelled_as, className(classId));
  }

  /** Set a mark of the selection; null takes it off. */
  mark(field, value) {
    const { texts } = this.#page;
    const sentences = {
      excluded: value === null ? texts.included_count : texts.excluded_count,
      unsure: value === null ? texts.sure_count : texts.unsure_count,
      note: texts.note_count,
    };
    this.#act(field, value, sentences[field], "");
  }

  /** Set a mark, or take it off when the whole selection has it. */
  toggle(field) {
    const { selection } = this.#page;
    const marked = !selection.all && selection.items.length && selection.items.every((item) => valueOf(item, field) !== null);
    this.mark(field, marked ? null : "");
  }

  #act(field, value, sentence, name) {
    const { selection, images, query } = this.#page;
    if (!selection.count) {
      return;
    }
    const text = fill(sentence, { count: number.format(selection.count), name });
    if (selection.all) {
      this.#remember(this.#sendAll(field, value, { filter: query, shown: images.total }), text, { field, all: true });
      selection.clear();
    } else {
      const items = selection.items.filter((item) => valueOf(item, field) !== value);
      if (items.length) {
        this.send(field, value, items, text);
      }
    }
    this.seen = selection.changes;
  }

  /** Set source, licence and permission of the selection, which tiles do not show; one change for each. */
  rights(values) {
    const { selection, images, query, texts } = this.#page;
    const { all, items, count } = selection;
    for (const { field, value, name } of values) {
      const text = fill(texts.rights_count, { count: number.format(count), name });
      const chosen = all ? { filter: query, shown: images.total } : { image_ids: items.map((item) => item.id) };
      this.#remember(this.#saver.mark(chosen, field, value, "gallery"), text, { field, all });
    }
    if (all) {
      selection.clear();
    }
    this.seen = selection.changes;
  }

  /** Something that tiles do not show was carried out; it can be taken back like the rest. */
  done(requestId, text) {
    this.#remember(requestId, text, { field: "split", all: true });
  }

  #sendAll(field, value, { filter, shown }) {
    return field === "label"
      ? this.#saver.assignMatching(filter, shown, value, "gallery")
      : this.#saver.mark({ filter, shown }, field, value, "gallery");
  }

  /** Send one value for `items` and show it at once. */
  send(field, value, items, text) {
    const before = items.map((item) => valueOf(item, field));
    const requestId =
      field === "label"
        ? this.#saver.assign(items.map((item) => ({ imageId: item.id, version: item.version })), value, "gallery")
        : this.#saver.mark({ image_ids: items.map((item) => item.id) }, field, value, "gallery");
    this.#remember(requestId, text, { field, items, before, after: value });
    this.#show(items, field, () => value);
  }

  #remember(requestId, sentence, step) {
    this.#acted.set(requestId, step);
    this.#done.push(requestId);
    this.#undone = [];
    toast(sentence, { action: { label: this.#page.texts.undo, run: () => this.undo() } });
  }

  #show(items, field, value) {
    items.forEach((item, at) => setValue(item, field, value(at)));
    this.#page.view.paint();
  }

  undo() {
    this.#takeBack(this.#done.pop(), this.#undone, "before", (id) => this.#saver.undo(id));
  }

  redo() {
    this.#takeBack(this.#undone.pop(), this.#done, "after", (id) => this.#saver.redo(id));
  }

  #takeBack(requestId, other, side, send) {
    withdraw();
    const step = this.#acted.get(requestId);
    if (!step) {
      send(); // of an earlier page
      return;
    }
    other.push(requestId);
    send(requestId);
    if (step.items) {
      this.#show(step.items, step.field, (at) => (side === "after" ? step.after : step.before[at]));
    }
  }

  /** The request was refused: show what was there before. */
  refused(requestId) {
    if (this.#done.at(-1) === requestId) {
      withdraw();
    }
    const step = this.#acted.get(requestId);
    if (step?.items) {
      this.#show(step.items, step.field, (at) => step.before[at]);
    }
    this.#done = this.#done.filter((id) => id !== requestId);
  }

  /** True when the images themselves must be asked for again once the server has carried `entry` out. */
  changesMany(entry) {
    const step = this.#acted.get(entry.body.request_id) ?? this.#acted.get(entry.body.of_request);
    return step?.all ?? !step;
  }
}
