// The review page: walk through the pictures by key, lay the heat map over them, correct a wrong label where it is seen.

import { connectAlike } from "./alike.js";
import { Corrections } from "./corrections.js";
import { connectExplain } from "./explain.js";
import { HeatView } from "./heat-view.js";
import { connectReasons } from "./label-marks.js";
import { printOn } from "./keymap.js";
import { data, fill } from "./save-view.js";
import { keyText } from "./shortcuts.js";
import { Walk } from "./walk.js";

const page = data("review-data");
const words = data("review-keys");
const place = document.getElementById("selected");
const heat = new HeatView(place);
const walk = new Walk(place, words, () => {
  heat.arrange();
  connectExplain(place, words, walk.current, () => walk.reload());
  connectForms(place);
  corrections.arrange();
  connectAlike(place);
  printOn(place, keyText);
});
const corrections = new Corrections({ walk, place, page, texts: data("review-texts"), words, changed: showChanged });

function showChanged(difference) {
  const bar = document.getElementById("changed-labels");
  page.changed += difference;
  bar.hidden = page.changed <= 0;
  document.getElementById("changed-count").textContent = page.changed === 1 ? bar.dataset.one : fill(bar.dataset.many, { count: page.changed });
}

function connectForms(root) {
  for (const form of root.querySelectorAll("form[data-auto-submit]")) {
    form.querySelector("button").hidden = true;
    form.addEventListener("change", () => form.requestSubmit());
  }
}

const askReason = connectReasons((reason) => corrections.mark("excluded", reason));
place.addEventListener("submit", (event) => {
  if (event.target.matches(".mark-acts")) {
    event.preventDefault();
    corrections.toggle(event.submitter.dataset.mark);
  }
});
place.addEventListener("click", (event) => event.target.closest(".mark-why") && askReason());

corrections.connectKeys([
  { keys: ["KeyX"], label: words.bad, run: () => corrections.toggle("excluded") },
  { keys: ["Shift+KeyX"], label: words.why, run: askReason },
  { keys: ["Shift+KeyK"], label: words.right, run: () => corrections.toggle("checked") },
  { keys: ["KeyH"], label: words.heat, run: () => heat.toggle() },
  { keys: ["BracketLeft"], label: words.weaker, repeat: true, run: () => heat.stronger(-10) },
  { keys: ["BracketRight"], label: words.stronger, repeat: true, run: () => heat.stronger(10) },
]);
connectForms(document.querySelector(".filter-card"));
walk.arrange();
corrections.adoptPending();
