// The page of one image: the same keys as everywhere press its buttons and follow its links.

import { data } from "./save-view.js";
import { besideClasses, classKey, register } from "./shortcuts.js";

const texts = data("image-data");
const form = document.getElementById("image-form");
let sent = false; // the page is on its way: another key must not stop what was sent
const once = (act) => (value) => sent || act(value);
const press = once((value) => form.requestSubmit(form.querySelector(`button[name="do"][value="${value}"]`)));
const pressMark = once((mark) => form.requestSubmit(form.querySelector(`button[data-mark="${mark}"]`)));
const follow = once((rel) => {
  const link = document.querySelector(`a[rel="${rel}"]`);
  sent = Boolean(link);
  link?.click();
});
// The words of a link without the key that is printed in it.
const linkText = (rel) => [...document.querySelector(`a[rel="${rel}"]`).childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.textContent).join(" ").trim();

form.addEventListener("submit", () => (sent = true));
addEventListener("pageshow", () => (sent = false)); // back on a page that the browser kept
register([
  ...texts.classes.map((item) => ({ keys: [classKey(item.key)], fixed: true, label: item.name, run: () => press(item.id) })),
  { keys: ["ArrowRight", "Space"], label: texts.next, run: () => follow("next") },
  { keys: ["ArrowLeft", "Backspace"], label: texts.previous, run: () => follow("prev") },
  { keys: ["KeyZ"], label: texts.undo, run: () => press("undo") },
  { keys: ["KeyX"], label: texts.state, run: () => pressMark("excluded") },
  { keys: ["KeyF"], label: texts.unsure, run: () => pressMark("unsure") },
  ...besideClasses(texts.classes, [
    { keys: ["KeyG"], label: linkText("gallery"), run: () => follow("gallery") },
    { keys: ["KeyE"], label: linkText("label"), run: () => follow("label") },
  ]),
  { keys: ["Shift+KeyS"], label: linkText("similar"), run: () => follow("similar") },
  { keys: ["KeyM"], label: texts.note, run: () => document.getElementById("note").focus() },
]);
