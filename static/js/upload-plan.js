// Before the first file goes: which folders there are, and what each of them means.

import { fill } from "./upload-view.js";

const by = (id) => document.getElementById(id);

/** How many files there are in each folder. */
export function folderCounts(items) {
  const counts = {};
  for (const { path } of items) {
    const folder = path.split("/").slice(0, -1).join("/");
    counts[folder] = (counts[folder] ?? 0) + 1;
  }
  return counts;
}

function row(meaning, texts, known) {
  const line = by("plan-row").content.firstElementChild.cloneNode(true);
  const [name, split, note, near] = ["class", "split", "note", "near"].map((part) => line.querySelector(`[data-${part}]`));
  line.querySelector("[data-folder]").textContent = meaning.folder || texts.no_folder;
  line.querySelector("[data-count]").textContent = meaning.count;
  name.value = meaning.class_name;
  name.setAttribute("aria-label", fill(texts.class_of, { folder: meaning.folder || texts.no_folder }));
  split.value = meaning.split;
  split.setAttribute("aria-label", fill(texts.split_of, { folder: meaning.folder || texts.no_folder }));
  near.textContent = fill(texts.use, { name: meaning.near });
  const show = () => {
    const out = split.value === "out";
    const text = name.value.trim();
    name.disabled = out;
    note.textContent = out ? "" : !text ? texts.no_label : known.has(text.normalize("NFKC").toLowerCase()) ? "" : texts.new_class;
    near.hidden = out || !meaning.near || text === meaning.near;
  };
  near.addEventListener("click", () => {
    name.value = meaning.near;
    show();
    name.focus();
  });
  for (const field of [name, split]) field.addEventListener("input", show);
  show();
  line.meaning = meaning;
  return line;
}

function rules(every) {
  const folders = [...by("plan-rows").children].map((line) => {
    const split = line.querySelector("[data-split]").value;
    return {
      folder: line.meaning.folder,
      class_name: line.querySelector("[data-class]").value.trim(),
      split: split === "out" ? "" : split,
      left_out: split === "out",
    };
  });
  return { folders, every };
}

/**
 * Show the table and wait for a decision: {folders, every}, or null when it was called off.
 * `count`: files in all; `folders`: what the server says of the folders.
 */
export function plan({ name, count, folders, texts, classes }) {
  const known = new Set(classes.map((item) => item.normalize("NFKC").toLowerCase()));
  const several = folders.some((meaning) => meaning.folder);
  by("plan").hidden = false;
  by("plan-title").textContent = fill(texts.plan, { name });
  by("plan-go").textContent = fill(texts.import_count, { count });
  by("plan-table").hidden = !several;
  by("plan-rows").replaceChildren(...(several ? folders : []).map((meaning) => row(meaning, texts, known)));
  by("plan-every").value = "";
  by("plan-go").focus();
  return new Promise((resolve) => {
    const end = (decision) => {
      by("plan").hidden = true;
      by("plan-form").onsubmit = by("plan-cancel").onclick = null;
      resolve(decision);
    };
    by("plan-form").onsubmit = (event) => {
      event.preventDefault();
      end(rules(by("plan-every").value.trim()));
    };
    by("plan-cancel").onclick = () => end(null);
  });
}
