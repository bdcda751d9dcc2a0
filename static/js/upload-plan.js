// Before the first file goes: which folders there are, and what each of them means.

import { fill, number } from "./upload-view.js";

const SHOWN_LISTS = 20;

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
  line.querySelector("[data-count]").textContent = number(meaning.count);
  name.value = meaning.class_name;
  name.setAttribute("aria-label", fill(texts.class_of, { folder: meaning.folder || texts.no_folder }));
  split.value = meaning.split;
  split.setAttribute("aria-label", fill(texts.split_of, { folder: meaning.folder || texts.no_folder }));
  const offers = { renamed: texts.use_renamed, merged: texts.use_merged };
  near.textContent = fill(offers[meaning.why] ?? texts.use, { name: meaning.near });
  const show = () => {
    const settled = split.value === "out" || by("plan-every").value.trim() !== "";
    const text = name.value.trim();
    name.disabled = settled;
    note.textContent = settled ? "" : !text ? texts.no_label : isNew(text, known) ? texts.new_class : "";
    near.hidden = settled || !meaning.near || text === meaning.near;
  };
  line.show = show;
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

const isNew = (name, known) => !known.has(name.normalize("NFKC").toLowerCase());

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
 * `count`: files in all; `folders`: what the server says of the folders; `lists`: names of tables that may say more.
 */
export function plan({ name, count, folders, lists = [], texts, classes }) {
  const known = new Set(classes.map((item) => item.normalize("NFKC").toLowerCase()));
  const several = folders.some((meaning) => meaning.folder);
  by("plan").hidden = false;
  by("plan-title").textContent = fill(texts.plan, { name });
  by("plan-go").textContent = fill(texts.import_count, { count: number(count) });
  by("plan-lists").hidden = !lists.length;
  by("plan-lists").textContent = fill(texts.lists, {
    names: [...lists.slice(0, SHOWN_LISTS), ...(lists.length > SHOWN_LISTS ? ["…"] : [])].join(", "),
  });
  by("plan-table").hidden = !several;
  by("plan-rows").replaceChildren(...(several ? folders : []).map((meaning) => row(meaning, texts, known)));
  by("plan-every").value = "";
  by("plan-every").oninput = ({ target }) => {
    const text = target.value.trim();
    by("plan-every-note").textContent = text && isNew(text, known) ? texts.new_class : "";
    for (const line of by("plan-rows").children) line.show();
  };
  by("plan-every-note").textContent = "";
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
