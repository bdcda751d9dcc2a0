// The page of a run: charts, and, while it is under way, everything that the event stream brings.

import { Curves } from "./curves.js";
import { renew } from "./pressed.js";
import { follow } from "./stream.js";

const data = JSON.parse(document.getElementById("run-data").textContent);
const rows = new Map(data.rows.map((row) => [`${row.fold}-${row.epoch}`, row]));
const best = { ...data.best };
const live = document.getElementById("live");
const charts = document.getElementById("charts");
const curves = charts ? [...charts.querySelectorAll("figure")].map((figure) => new Curves(figure, charts.dataset, data.folds, data.language, data.stages)) : [];
const tools = document.getElementById("curve-tools");
const TARGET = "miwake-target"; // in the storage of this browser
let drawing = 0;

function draw() {
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(() => {
    curves.forEach((chart) => chart.update([...rows.values()], best));
    tell();
  });
}

// The better of two epochs of one fold by the watched value; the earlier one of two equal ones.
function noteBest(row) {
  const value = (one) => (data.monitor === "val_accuracy" ? -one.val_accuracy : one.val_loss);
  const before = rows.get(`${row.fold}-${best[row.fold]}`);
  if (row[data.monitor] === null || (before && value(before) <= value(row))) {
    return;
  }
  best[row.fold] = row.epoch;
  markBest(row);
}

function markBest(row) {
  const table = document.getElementById("epoch-table");
  for (const line of table.querySelectorAll(".best-epoch")) {
    if (line.dataset.key.startsWith(`${row.fold}-`)) {
      line.classList.remove("best-epoch");
      line.querySelector(".badge")?.remove();
    }
  }
  const line = table.querySelector(`[data-key="${row.fold}-${row.epoch}"]`);
  if (line) {
    line.classList.add("best-epoch");
    const badge = document.createElement("span");
    badge.className = "badge good";
    badge.textContent = table.dataset.best;
    line.querySelector("th").prepend(badge, " ");
  }
}

function addLine(row) {
  const table = document.getElementById("epoch-table");
  document.getElementById("epochs-none").hidden = true;
  if (table.dataset.fold !== "" && Number(table.dataset.fold) !== row.fold) {
    return;
  }
  table.querySelector(`[data-key="${row.fold}-${row.epoch}"]`)?.remove();
  const plain = (value, digits) => (value === null ? "–" : new Intl.NumberFormat(data.language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value));
  const percent = (value) => (value === null ? "–" : new Intl.NumberFormat(data.language, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(value));
  const line = document.createElement("tr");
  line.dataset.key = `${row.fold}-${row.epoch}`;
  if (data.folds > 1) {
    line.append(cell("td", row.fold + 1));
  }
  const head = cell("th", row.epoch);
  head.scope = "row";
  line.append(head);
  if (data.staged) {
    line.append(cell("td", row.stage ?? "–"));
  }
  line.append(
    cell("td", plain(row.loss, 4)), cell("td", percent(row.accuracy)), cell("td", plain(row.val_loss, 4)),
    cell("td", percent(row.val_accuracy)), cell("td", String(Number(row.learning_rate.toPrecision(3)))), cell("td", plain(row.seconds, 2)),
  );
  table.tBodies[0].prepend(line);
}

function cell(name, text) {
  const made = document.createElement(name);
  made.className = "numeric";
  made.textContent = text;
  return made;
}

function showProgress(values) {
  if (values.attempt !== data.attempt || values.state !== state) {
    renew(); // other buttons, or a training that began anew
    return;
  }
  document.getElementById("run-share").value = values.share;
  for (const name of ["status", "left", "best"]) {
    const line = document.getElementById(`run-${name}`);
    if (line.textContent !== values[name]) {
      line.textContent = values[name];
    }
  }
  document.getElementById("no-worker").hidden = values.workers > 0;
  document.title = `${values.title} · ${live.dataset.name}`;
}

function stayLive() {
  let newest = Math.max(0, ...data.rows.map((row) => row.id));
  const lost = document.getElementById("run-lost");
  lost.textContent = live.dataset.lost;
  const close = follow(
    () => `${live.dataset.events}?after=${newest}`,
    {
      epoch: (event) => {
        const row = JSON.parse(event.data);
        newest = row.id;
        rows.set(`${row.fold}-${row.epoch}`, row);
        addLine(row);
        noteBest(row);
        draw();
      },
      progress: (event) => showProgress(JSON.parse(event.data)),
      end: () => {
        close();
        renew();
      },
    },
    lost,
  );
}

// Scale, smoothing and target of all charts; the target stays in this browser, for the next run too.
function look() {
  const { smooth, log, target } = tools.elements;
  const valid = target.value !== "" && target.validity.valid;
  if (target.validity.valid) {
    localStorage.setItem(TARGET, target.value);
  }
  const share = valid ? Number(target.value) / 100 : null;
  curves.forEach((chart) => chart.look(Number(smooth.value) / 100, log.checked, share));
  tell();
}

function tell() {
  const chart = curves.find((one) => one.metric === "accuracy");
  const said = tools?.querySelector("[data-reached]");
  if (said && chart) {
    const epoch = chart.target === null ? null : chart.reached();
    said.textContent = chart.target === null ? "" : epoch ? said.dataset.reached.replace("{epoch}", epoch) : said.dataset.not;
  }
}

function connectTools() {
  tools.hidden = false;
  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.addEventListener("input", () => {
    tools.querySelector("output").textContent = `${tools.elements.smooth.value} %`;
    look();
  });
  tools.elements.target.value = localStorage.getItem(TARGET) ?? "";
  if (tools.elements.target.value) {
    requestAnimationFrame(look); // after the first drawing, which is asked for already
  }
}

const { state } = data;
draw();
if (tools) {
  connectTools();
}
if (live) {
  document.getElementById("run-reload").hidden = true;
  stayLive();
}
