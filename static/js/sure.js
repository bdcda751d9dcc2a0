// The grid of pictures that a model is sure of: counts what is left, arrows move, Space clicks away, Enter confirms.

import { data, fill } from "./save-view.js";
import { register } from "./shortcuts.js";

const by = (id) => document.getElementById(id);
const texts = data("sure-texts");
const form = by("sure-form");
const boxes = form ? [...form.querySelectorAll("input[name=leave]")] : [];
const number = new Intl.NumberFormat(document.documentElement.lang);
const percent = new Intl.NumberFormat(document.documentElement.lang, { style: "percent" });

function count() {
  const left = boxes.filter((box) => !box.checked).length;
  const place = by("sure-count");
  place.textContent = fill(place.dataset.text, { count: number.format(left), name: place.dataset.name });
}

// How many tiles stand in one row.
function columns() {
  const top = boxes[0].parentElement.getBoundingClientRect().top;
  return boxes.findIndex((box) => box.parentElement.getBoundingClientRect().top > top + 1);
}

function move(step) {
  const at = boxes.indexOf(document.activeElement);
  const next = at < 0 ? 0 : Math.min(Math.max(at + step, 0), boxes.length - 1);
  boxes[next].focus();
  boxes[next].closest(".tile").scrollIntoView({ block: "nearest" });
}

const free = () => !["range", "radio"].includes(document.activeElement?.type); // those have arrows of their own

if (form) {
  form.addEventListener("change", count);
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) {
      event.preventDefault(); // a second Enter while the page is on its way
    }
    sent = true;
  });
  const down = () => Math.max(columns(), 1);
  register([
    { keys: ["Enter"], label: texts.confirm, run: () => form.requestSubmit() },
    { keys: ["ArrowRight"], label: "", when: free, repeat: true, run: () => move(1) },
    { keys: ["ArrowLeft"], label: "", when: free, repeat: true, run: () => move(-1) },
    { keys: ["ArrowDown"], label: "", when: free, repeat: true, run: () => move(down()) },
    { keys: ["ArrowUp"], label: "", when: free, repeat: true, run: () => move(-down()) },
    { keys: ["Space"], label: texts.toggle, run: () => move(0) },
  ]);
}
if (by("sure-undo")) {
  register([{ keys: ["KeyZ", "Ctrl+KeyZ"], label: texts.undo, run: () => by("sure-undo").click() }]);
}
const choice = by("sure-choice");
if (choice) {
  by("sure-show").hidden = true;
  by("least").addEventListener("input", (event) => {
    by("least-shown").textContent = percent.format(event.target.valueAsNumber);
  });
  choice.addEventListener("change", () => choice.requestSubmit());
}
