// The threshold of the page about sureness: numbers follow the slider at once, links and classes come when it rests.

import { data } from "./save-view.js";

const Z = 1.959963984540054; // as in app/domain/metrics.py
const table = data("threshold-data");
const form = document.getElementById("threshold-form");
const words = document.getElementById("threshold-words");
const mark = document.getElementById("threshold-mark");
const total = Number(words.dataset.total);
const percent = new Intl.NumberFormat(words.dataset.language, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const plain = new Intl.NumberFormat(words.dataset.language);

function wilson(right, count) {
  const share = right / count;
  const centre = share + (Z * Z) / (2 * count);
  const half = Z * Math.sqrt((share * (1 - share)) / count + (Z * Z) / (4 * count * count));
  const scale = 1 + (Z * Z) / count;
  return [right === 0 ? 0 : (centre - half) / scale, right === count ? 1 : (centre + half) / scale];
}

function show(step) {
  const answered = table.answered[step];
  const right = table.right[step];
  const values = {
    accuracy: answered ? percent.format(right / answered) : "–",
    interval: answered ? wilson(right, answered).map((limit) => percent.format(limit)).join(" – ") : "–",
    share: percent.format(answered / total),
    answered: `${plain.format(answered)} / ${plain.format(total)}`,
    wrong: plain.format(answered - right),
    unknown: plain.format(total - answered),
  };
  for (const [name, text] of Object.entries(values)) {
    words.querySelector(`[data-value="${name}"]`).textContent = text;
  }
  form.querySelector("output").textContent = `${step} %`;
  for (const end of ["x1", "x2"]) {
    mark.setAttribute(end, String(step * 2.4));
  }
}

form.elements.t.addEventListener("input", () => show(Number(form.elements.t.value)));
form.elements.t.addEventListener("change", () => form.requestSubmit());
for (const one of document.querySelectorAll("form[data-auto-submit]")) {
  one.querySelector("button").hidden = true;
  one.addEventListener("change", () => one.requestSubmit());
}
