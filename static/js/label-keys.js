// The keys of label mode.

import { besideClasses, classKey, register } from "./shortcuts.js";

const free = () => document.activeElement?.type !== "range"; // the arrows move the slider that has the focus

const follow = (name) => location.assign(document.getElementById("label-page").dataset[name]);
const similar = document.getElementById("similar");

/** Let keys give classes, do `acts` and change how `stage` shows the picture. */
export function connectKeys(classes, texts, stage, acts) {
  register([
    ...classes.filter((item) => item.key).map((item) => ({ keys: [classKey(item.key)], fixed: true, label: item.name, run: () => acts.label(item.id) })),
    { keys: ["Space"], label: texts.key_skip, when: free, run: acts.skip },
    { keys: ["ArrowRight"], label: texts.key_next, when: free, repeat: true, run: acts.onward },
    { keys: ["ArrowLeft", "Backspace"], label: texts.key_back, when: free, repeat: true, run: acts.back },
    { keys: ["KeyZ", "Ctrl+KeyZ"], label: texts.key_undo, run: acts.undo },
    { keys: ["Shift+KeyZ", "Ctrl+Shift+KeyZ"], label: texts.key_redo, run: acts.redo },
    { keys: ["Period"], label: texts.key_same, run: acts.same },
    { keys: ["Enter"], label: texts.key_accept, run: acts.accept },
    { keys: ["KeyX"], label: texts.key_exclude, run: acts.exclude },
    { keys: ["Shift+KeyX"], label: texts.key_reason, run: acts.reason },
    { keys: ["KeyF"], label: texts.key_unsure, run: acts.unsure },
    { keys: ["KeyM"], label: texts.key_note, run: acts.note },
    { keys: ["KeyK"], label: texts.key_right, run: acts.right },
    { keys: ["Delete"], label: texts.key_none, run: acts.none },
    { keys: ["Shift+KeyS"], label: similar.firstChild.textContent, run: () => similar.click() },
    ...besideClasses(classes, [
      { keys: ["KeyG"], label: texts.key_grid, run: () => follow("gallery") },
      { keys: ["KeyU"], label: texts.key_next_unlabelled, run: () => follow("unlabelled") },
      { keys: ["KeyN"], label: texts.key_next_uncertain, run: () => follow("uncertain") },
      { keys: ["KeyE"], label: texts.key_loupe, run: () => document.getElementById("picture-name").click() },
    ]),
    { keys: ["Slash"], label: texts.key_pick, when: () => classes.length > 0, run: acts.pick },
    { keys: ["Equal"], label: texts.key_larger, repeat: true, run: () => stage.step(1) },
    { keys: ["Minus"], label: texts.key_smaller, repeat: true, run: () => stage.step(-1) },
    { keys: ["KeyP"], label: texts.key_pixels, run: () => stage.togglePixels() },
    { keys: ["KeyR"], label: texts.key_turn, run: () => stage.turn(1) },
    { keys: ["Shift+KeyR"], label: texts.key_turn_back, run: () => stage.turn(-1) },
    { keys: ["KeyC"], label: texts.key_contrast, run: () => stage.nextContrast() },
    { keys: ["KeyI"], label: texts.key_invert, run: () => stage.toggleInvert() },
    { keys: ["Home"], label: texts.key_plain, when: free, run: () => stage.reset() },
    ...Object.entries({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }).map(([code, step]) => ({
      keys: [`Shift+${code}`], label: code === "ArrowUp" ? texts.key_move : "", repeat: true, when: free, run: () => stage.move(...step),
    })),
  ]);
}
