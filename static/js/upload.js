// The import page: takes files, folders and zips by drop or choice and sends them in small batches, three at a time.
// XMLHttpRequest instead of fetch, because only it tells how much of a request has been sent.

import { chosen, dropped } from "./upload-files.js";
import { send } from "./upload-send.js";

const root = document.querySelector("#import");
const data = JSON.parse(document.querySelector("#import-texts").textContent);
const { texts } = data;
const by = (id) => document.getElementById(id);

const BATCH_FILES = 50;
const BATCH_BYTES = 8 * 2 ** 20;
const PARALLEL = 3;
const SHOWN = 300;

const fill = (text, values) =>
  text.replace(/\{(\w+)\}/g, (_all, name) => values[name]);

let busy = false;
let state;

function fresh(name, total, bytes) {
  state = { name, total, bytes, sent: 0, counts: { new: 0, duplicate: 0, refused: 0, skipped: 0 }, failed: [], since: performance.now() };
  by("running").hidden = false;
  by("running-title").textContent = fill(texts.title, { name });
  by("running-problems").hidden = true;
  by("running-problems").querySelector("tbody").replaceChildren();
  by("running-again").hidden = true;
  by("running-report").hidden = true;
}

function draw(note = "") {
  const done = Object.values(state.counts).reduce((sum, count) => sum + count, 0);
  const seconds = (performance.now() - state.since) / 1000;
  const speed = (state.sent / 2 ** 20 / Math.max(seconds, 0.1)).toFixed(1);
  by("running-bar").max = Math.max(1, state.bytes);
  by("running-bar").value = Math.min(state.sent, state.bytes);
  const lines = [fill(texts.sending, { done, total: state.total, speed }), fill(texts.counts, state.counts), note];
  by("running-text").textContent = lines.filter(Boolean).join(" · ");
}

function problem(path, message) {
  const body = by("running-problems").querySelector("tbody");
  if (body.rows.length >= SHOWN) return;
  const row = body.insertRow();
  const name = document.createElement("bdi");
  name.textContent = path;
  row.insertCell().append(name);
  row.insertCell().textContent = message;
  by("running-problems").hidden = false;
}

function batches(items) {
  const all = [];
  let batch = [];
  let size = 0;
  for (const item of items) {
    if (batch.length >= BATCH_FILES || (batch.length && size + item.file.size > BATCH_BYTES)) {
      all.push(batch);
      [batch, size] = [[], 0];
    }
    batch.push(item);
    size += item.file.size;
  }
  if (batch.length) all.push(batch);
  return all;
}

async function sendBatch(url, batch) {
  const form = new FormData();
  form.append("paths", JSON.stringify(batch.map((item) => item.path)));
  for (const item of batch) form.append("files", item.file, item.file.name);
  let before = 0;
  const onProgress = (loaded) => {
    state.sent += loaded - before;
    before = loaded;
    draw();
  };
  const answer = await send(url, form, { onProgress, onWait: () => draw(texts.offline) });
  if (!answer.ok) {
    // One file that cannot be read spoils its whole request: the others are sent again one by one.
    if (batch.length > 1 && answer.again) return batch.reduce((last, item) => last.then(() => sendBatch(url, [item])), Promise.resolve());
    state.failed.push(...batch);
    for (const item of batch) problem(item.path, answer.message || texts.unreadable);
    return undefined;
  }
  for (const result of answer.body.results) {
    state.counts[result.verdict] += 1;
    if (result.verdict === "refused" || result.verdict === "duplicate") problem(result.path, result.message);
  }
  return draw();
}

async function begin(name, total, source) {
  const body = JSON.stringify({ name, total, source, labels: by("labels").checked, splits: by("splits").checked });
  return send(root.dataset.create, body, { type: "application/json", onWait: () => draw(texts.offline) });
}

function fits(item) {
  if (item.file.size <= data.max_file_mb * 2 ** 20) return true;
  state.counts.refused += 1;
  problem(item.path, fill(texts.too_large, { limit: data.max_file_mb }));
  return false;
}

async function sendFiles(items) {
  const top = items[0].root || items[0].path;
  const name = items.length === 1 ? items[0].path : `${top} (${fill(texts.many, { count: items.length })})`;
  fresh(name, items.length, items.reduce((sum, item) => sum + item.file.size, 0));
  draw();
  const made = await begin(name, items.length, "browser");
  if (!made.ok) return draw(made.message);
  return finishFiles(made.body, items.filter(fits));
}

async function finishFiles(urls, items) {
  state.failed = [];
  const waiting = batches(items);
  const lane = async () => {
    for (let batch = waiting.shift(); batch; batch = waiting.shift()) await sendBatch(urls.files, batch);
  };
  await Promise.all(Array.from({ length: PARALLEL }, lane));
  by("running-report").href = urls.report;
  by("running-report").hidden = false;
  if (state.failed.length) {
    draw(fill(texts.failed, { count: state.failed.length }));
    by("running-again").hidden = false;
    by("running-again").onclick = () => start(() => finishFiles(urls, state.failed));
    return;
  }
  await send(urls.finish, "", {});
  draw(texts.done);
  location.assign(urls.report);
}

async function sendZip(file) {
  fresh(file.name, 1, file.size);
  const made = await begin(file.name, 0, "zip");
  if (!made.ok) return problem(file.name, made.message);
  const onProgress = (loaded) => {
    by("running-bar").max = Math.max(1, file.size);
    by("running-bar").value = loaded;
    const percent = Math.floor((100 * loaded) / Math.max(1, file.size));
    by("running-text").textContent = fill(texts.zip, { name: file.name, percent });
  };
  const url = `${made.body.zip}?${new URLSearchParams(by("encoding").value ? { encoding: by("encoding").value } : {})}`;
  const answer = await send(url, file, { type: "application/zip", onProgress, tries: 1 });
  if (!answer.ok) return problem(file.name, answer.message || texts.unreadable);
  return answer.body.report;
}

async function start(work) {
  if (busy) return;
  busy = true;
  root.classList.add("busy");
  try {
    await work();
  } finally {
    busy = false;
    root.classList.remove("busy");
  }
}

function take(items) {
  if (!items.length) {
    fresh("", 0, 0);
    by("running-title").textContent = texts.nothing;
    return;
  }
  const isZip = (item) => item.file.name.toLowerCase().endsWith(".zip");
  const [zips, files] = [items.filter(isZip), items.filter((item) => !isZip(item))];
  start(async () => {
    let report;
    for (const item of zips) report = (await sendZip(item.file)) ?? report;
    if (files.length) await sendFiles(files);
    else if (report) location.assign(report);
  });
}

root.classList.add("live");
for (const input of root.querySelectorAll("#pick-files, #pick-folder")) {
  input.addEventListener("change", () => {
    take(chosen([...input.files], data.splits));
    input.value = "";
  });
}
const zone = by("drop");
for (const name of ["dragenter", "dragover"]) {
  zone.addEventListener(name, (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
}
zone.addEventListener("dragleave", () => zone.classList.remove("over"));
zone.addEventListener("drop", async (event) => {
  event.preventDefault();
  zone.classList.remove("over");
  take(await dropped(event.dataTransfer, data.splits));
});
addEventListener("paste", (event) => {
  if (event.clipboardData?.files.length) take(chosen([...event.clipboardData.files], data.splits));
});
addEventListener("beforeunload", (event) => {
  if (busy) event.preventDefault();
});
