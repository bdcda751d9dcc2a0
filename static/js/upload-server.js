// A folder of the server: the same table of folders as for an upload, then a worker imports it.

import { plan } from "./upload-plan.js";

const form = document.getElementById("server-form");
const root = document.getElementById("import");
const error = document.getElementById("server-error");
const by = (id) => document.getElementById(id);

async function ask(url, options = {}) {
  const headers = { Accept: "application/json", "Content-Type": "application/json" };
  const response = await fetch(url, { headers, ...options }).catch(() => null);
  const answer = await response?.json().catch(() => null);
  return response?.ok ? { answer } : { problem: answer?.error?.message ?? form.dataset.offline };
}

async function importFolder() {
  const { texts, classes } = JSON.parse(by("import-texts").textContent);
  const path = form.elements.path.value;
  const choice = { labels: by("labels").checked, splits: by("splits").checked };
  const looked = await ask(`${form.dataset.folders}?${new URLSearchParams({ path, ...choice })}`);
  if (looked.problem) return looked.problem;
  const { folders, total } = looked.answer;
  const name = path || form.dataset.top;
  const rules = await plan({ name, count: total, folders, texts, classes });
  if (!rules) return "";
  const about = { origin: by("origin").value, licence: by("licence").value, publish: by("publish").value };
  const body = JSON.stringify({ path, rules, ...choice, ...about });
  const begun = await ask(form.dataset.start, { method: "POST", body });
  if (begun.answer) location.assign(begun.answer.report);
  return begun.problem ?? "";
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (root.classList.contains("busy")) return; // an upload has the table of folders
  root.classList.add("busy");
  form.querySelector("button").disabled = true;
  try {
    error.textContent = await importFolder();
  } finally {
    root.classList.remove("busy");
    form.querySelector("button").disabled = false;
  }
});
