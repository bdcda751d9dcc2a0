// The grid of pictures that a model is sure of: counts what is left, arrows move, Space clicks away, Enter confirms.

import { data, fill } from "./save-view.js";
import { register } from "./shortcuts.js";

const RENEW_MS = 45_000; // a lease of the server lasts for two minutes
const IDLE_MS = 180_000; // who does nothing for so long holds the others up no longer
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

// What is on the screen nobody else gets, as long as somebody looks at it.
function holdShown() {
  let acted = performance.now();
  const act = () => (acted = performance.now());
  for (const name of ["keydown", "pointermove", "wheel"]) addEventListener(name, act, { passive: true });
  const body = JSON.stringify({ hold: boxes.map((box) => Number(box.value)), limit: 0 });
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  setInterval(() => {
    if (performance.now() - acted > IDLE_MS) return;
    fetch(form.dataset.hold, { method: "POST", headers, body }).catch(() => {}); // tried again with the next renewal
  }, RENEW_MS);
}

const free = () => !["range", "radio"].includes(document.activeElement?.type); // those have arrows of their own

if (form) {
  form.addEventListener("change", count);
  holdShown();
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) {
      event.preventDefault(); // a second Enter while the page is on its way
    }
    sent = true;
  });
  addEventListener("pageshow", () => (sent = false)); // back on a page that the browser kept
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
