// The keys of the gallery: arrows move and extend, digits label, the rest as everywhere.

import { besideClasses, classKey, register } from "./shortcuts.js";

const TILE_STEP = 24;

/** Connect the keys; `acts` are the functions of the page. */
export function connectKeys(classes, texts, { view, images, selection, ...acts }) {
  const root = document.getElementById("grid");
  const slider = document.getElementById("tile-size");
  const search = document.getElementById("search");
  const inGrid = () => document.activeElement === root || document.activeElement === document.body;
  const focused = () => images.at(view.focused);
  const resize = (step) => {
    slider.valueAsNumber += step;
    view.size = slider.valueAsNumber;
  };
  const steps = {
    ArrowRight: () => 1,
    ArrowLeft: () => -1,
    ArrowDown: () => view.columns,
    ArrowUp: () => -view.columns,
    PageDown: () => view.columns * view.rowsInView,
    PageUp: () => -view.columns * view.rowsInView,
    End: () => images.total,
    Home: () => -images.total,
  };
  const move = (step, extend) => {
    view.focused = Math.max(0, Math.min(view.focused + step, images.total - 1));
    view.reveal(view.focused);
    if (extend) {
      selection.range(view.focused);
    } else {
      selection.startAt(view.focused);
    }
    view.paint();
  };

  register([
    ...classes
      .filter((item) => item.key)
      .map((item) => ({ keys: [classKey(item.key)], fixed: true, label: item.name, run: () => acts.label(item.id) })),
    ...Object.entries(steps).flatMap(([code, step]) => [
      { keys: [code], when: inGrid, repeat: true, run: () => move(step(), false) },
      { keys: [`Shift+${code}`], when: inGrid, repeat: true, run: () => move(step(), true) },
    ]),
    { keys: ["Space"], label: texts.key_toggle, when: inGrid, run: () => selection.pick(view.focused, true) },
    { keys: ["Enter"], label: texts.key_open, when: () => inGrid() && focused(), run: () => acts.open(focused()) },
    { keys: ["Ctrl+KeyA"], label: texts.key_all, run: () => selection.everything() },
    { keys: ["Escape"], label: texts.key_clear, run: () => selection.clear() },
    { keys: ["KeyX"], label: texts.key_exclude, run: acts.exclude },
    { keys: ["Shift+KeyX"], label: texts.key_reason, run: acts.reason },
    { keys: ["KeyF"], label: texts.key_unsure, run: acts.unsure },
    { keys: ["KeyM"], label: texts.key_note, run: acts.note },
    { keys: ["Delete"], label: texts.key_none, run: () => acts.label(null) },
    { keys: ["KeyZ", "Ctrl+KeyZ"], label: texts.key_undo, run: acts.undo },
    { keys: ["Shift+KeyZ", "Ctrl+Shift+KeyZ"], label: texts.key_redo, run: acts.redo },
    { keys: ["Slash"], label: texts.key_search, when: () => search && !selection.some, run: () => search.focus() },
    { keys: ["Slash"], label: texts.key_pick, when: () => selection.some, run: acts.pick },
    ...(acts.similar ? [{ keys: ["Shift+KeyS"], label: acts.similarText, run: acts.similar }] : []),
    { keys: ["KeyC"], label: texts.key_compare, when: () => selection.some, run: acts.compare },
    { keys: ["KeyI"], label: texts.key_info, when: () => inGrid() && focused(), run: () => acts.show([focused()]) },
    ...besideClasses(classes, [
      { keys: ["KeyE"], label: texts.key_open, when: () => inGrid() && focused(), run: () => acts.open(focused()) },
      ...(acts.unlabelled ? [{ keys: ["KeyU"], label: texts.key_unlabelled, run: acts.unlabelled }] : []),
      ...(acts.uncertain ? [{ keys: ["KeyN"], label: texts.key_uncertain, run: acts.uncertain }] : []),
    ]),
    { keys: ["Equal"], label: texts.key_larger, repeat: true, run: () => resize(TILE_STEP) },
    { keys: ["Minus"], label: texts.key_smaller, repeat: true, run: () => resize(-TILE_STEP) },
  ]);
}
