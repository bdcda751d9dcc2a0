// The gallery: all images that match in one grid. Click, Shift-click, a drag or Ctrl+A select; a digit labels them.

import { Images } from "./grid-data.js";
import { connectKeys } from "./grid-keys.js";
import { connectPointer } from "./grid-pointer.js";
import { GridView } from "./grid-view.js";
import { Selection } from "./grid-selection.js";
import { connectPicker } from "./picker.js";
import { data, fill, showConflicts, showState } from "./save-view.js";
import { Saver } from "./saver.js";
import { toast } from "./toast.js";

const page = data("grid-data");
const texts = data("label-texts");
const classes = new Map(page.classes.map((item) => [item.id, item]));
const { urls, query } = page;
const by = (id) => document.getElementById(id);
const root = by("grid");
const form = by("gallery-form");
const number = new Intl.NumberFormat(document.documentElement.lang);

const saver = new Saver({ assignUrl: urls.assign, undoUrl: urls.undo, redoUrl: urls.redo, stateUrl: urls.state });
const images = new Images(page, Number(by("total").textContent.replace(/\D/g, "")));
const selection = new Selection(images);
const view = new GridView(root, images, render);
const search = Object.keys(query).length ? `?${new URLSearchParams(query)}` : "";
const imageUrl = (imageId) => page.image.replace(/\/0$/, `/${imageId}`) + search;
const open = (item) => location.assign(imageUrl(item.id));
const className = (classId) => (classId === null ? texts.none : classes.get(classId)?.name ?? "?");

function render(tile, item, place) {
  const [picture, label] = tile.children;
  const classItem = item && classes.get(item.class_id);
  tile.classList.toggle("focused", place === view.focused);
  tile.classList.toggle("unlabelled", Boolean(item) && item.class_id === null);
  tile.classList.toggle("excluded", item?.state === "excluded");
  tile.setAttribute("aria-selected", String(Boolean(item) && selection.has(item)));
  label.textContent = item ? className(item.class_id) : "";
  label.style.borderColor = classItem?.color ?? "transparent";
  if (!item) {
    return;
  }
  tile.title = item.name;
  tile.setAttribute("aria-label", fill(texts.tile, { name: item.name, label: className(item.class_id) }));
  if (tile.dataset.image !== String(item.id)) {
    tile.dataset.image = item.id;
    tile.classList.remove("broken");
    picture.onerror = () => {
      tile.dataset.broken = item.name;
      tile.classList.add("broken");
    };
    picture.src = `${page.thumb.replace(/\/0\/thumb$/, `/${item.id}/thumb`)}?v=${item.hash}`;
  }
}

// --- what is done with the selection -----------------------------------------------------------------------------

const acted = new Map(); // request id -> {items, before} to show the old labels again when it is refused or undone
let done = [];
let undone = [];

function remember(requestId, sentence, step) {
  acted.set(requestId, step);
  done.push(requestId);
  undone = [];
  toast(sentence, { action: { label: texts.undo, run: undo } });
}

function label(classId) {
  if (!selection.count) {
    return;
  }
  const text = fill(texts.labelled_as, { count: number.format(selection.count), name: className(classId) });
  if (selection.all) {
    remember(saver.assignMatching(query, images.total, classId, "gallery"), text, { all: true });
    selection.clear();
    return;
  }
  const items = selection.items.filter((item) => item.class_id !== classId);
  if (items.length) {
    const before = items.map((item) => item.class_id);
    const seen = items.map((item) => ({ imageId: item.id, version: item.version }));
    remember(saver.assign(seen, classId, "gallery"), text, { items, before, after: classId });
    setLabels(items, () => classId);
  }
}

function setLabels(items, value) {
  items.forEach((item, at) => {
    item.class_id = value(at);
  });
  view.paint();
}

function setState(state) {
  if (!selection.count) {
    return;
  }
  const chosen = selection.all ? { filter: query, shown: images.total } : { image_ids: selection.items.map((item) => item.id) };
  const sentence = state === "excluded" ? texts.excluded_count : texts.included_count;
  const text = fill(sentence, { count: number.format(selection.count) });
  const changed = selection.items.filter((item) => item.state !== state);
  for (const item of changed) {
    item.state = state;
  }
  const imageIds = selection.all ? null : changed.map((item) => item.id); // for all that match, the answer names them
  remember(saver.setState(chosen, state), text, { isState: true, after: state, imageIds });
  view.paint();
}

function turnBack(step, side) {
  const state = (side === "after") === (step.after === "excluded") ? "excluded" : "active";
  step.wanted = state;
  if (step.imageIds === null) {
    return; // done once the answer has come
  }
  saver.setState({ image_ids: step.imageIds }, state);
  for (const item of step.imageIds.map((id) => images.byId(id)).filter(Boolean)) {
    item.state = state;
  }
}

function exclude() {
  const excluded = !selection.all && selection.items.length && selection.items.every((item) => item.state === "excluded");
  setState(excluded ? "active" : "excluded");
}

function undo() {
  takeBack(done.pop(), undone, "before", (id) => saver.undo(id));
}

function redo() {
  takeBack(undone.pop(), done, "after", (id) => saver.redo(id));
}

function takeBack(requestId, other, side, send) {
  const step = acted.get(requestId);
  if (!step) {
    send(); // of an earlier page
    return;
  }
  other.push(requestId);
  if (step.isState) {
    turnBack(step, side);
  } else {
    send(requestId);
    if (step.items) {
      setLabels(step.items, (at) => (side === "after" ? step.after : step.before[at]));
    }
  }
  view.paint();
}

// --- what the server says ----------------------------------------------------------------------------------------

let timer = 0;

// Numbers and, where the filter asks for what has just changed, the images themselves are brought up to date once
// everything is saved; the tiles already show it.
function refreshSoon(reload) {
  clearTimeout(timer);
  timer = setTimeout(() => refresh(reload), 250);
}

async function refresh(reload) {
  if (saver.count) {
    return;
  }
  const url = new URL(urls.counts, location.href);
  url.search = new URLSearchParams(query);
  const response = await fetch(url, { headers: { Accept: "application/json" } }).catch(() => null);
  if (!response?.ok) {
    return;
  }
  const counts = await response.json();
  by("total").textContent = number.format(counts.total);
  for (const facet of document.querySelectorAll("[data-facet]")) {
    for (const place of facet.querySelectorAll("[data-value]")) {
      place.textContent = number.format(counts[facet.dataset.facet][place.dataset.value] ?? 0);
    }
  }
  if (reload || counts.total !== images.total) {
    selection.clear();
    await images.reload(view.top);
  }
}

function adopt(rows) {
  for (const row of rows) {
    const item = images.byId(row.image_id);
    if (item) {
      Object.assign(item, { class_id: row.class_id, version: row.version });
    }
  }
  view.paint();
}

saver.addEventListener("saved", ({ detail: { entry, answer } }) => {
  adopt(answer.images ?? []);
  if (answer.conflicts?.length) {
    toast(fill(texts.others_kept, { count: answer.conflicts.length }), { error: true });
    adopt(answer.conflicts);
  }
  const step = acted.get(entry.body.request_id);
  if (step?.isState && step.imageIds === null) {
    step.imageIds = answer.image_ids;
    if (step.wanted && step.wanted !== step.after) {
      saver.setState({ image_ids: step.imageIds }, step.wanted);
    }
  }
  const bulk = entry.body.filter !== undefined || (entry.kind !== "assign" && (acted.get(entry.body.of_request)?.all ?? true));
  refreshSoon(bulk || "class" in query || "state" in query);
});
saver.addEventListener("rejected", ({ detail: { entry, error } }) => {
  toast(error?.message ?? "", { error: true });
  forget(entry);
  refreshSoon(true);
});

function forget(entry) {
  done = done.filter((id) => id !== entry.body.request_id);
}

showState(saver, by("save-state"), texts);
showConflicts(saver, by("conflicts"), {
  texts,
  classes,
  describe: (imageId) => images.byId(imageId)?.name ?? String(imageId),
  adopt: (conflicts, entry) => {
    const step = acted.get(entry.body.request_id);
    if (step?.items) {
      setLabels(step.items, (at) => step.before[at]); // nothing of the request was written
    }
    forget(entry);
    adopt(conflicts);
  },
  insist: (entry, conflicts) => {
    const versions = new Map(conflicts.map((other) => [other.image_id, other.version]));
    const seen = entry.body.changes.map((change) => ({ imageId: change.image_id, version: versions.get(change.image_id) ?? change.version }));
    const items = entry.body.changes.map((change) => images.byId(change.image_id)).filter(Boolean);
    const before = items.map((item) => item.class_id);
    const text = fill(texts.labelled_as, { count: number.format(seen.length), name: className(entry.body.class_id) });
    remember(saver.assign(seen, entry.body.class_id, "gallery"), text, { items, before, after: entry.body.class_id });
    setLabels(items, () => entry.body.class_id);
  },
});

// --- the page ----------------------------------------------------------------------------------------------------

selection.addEventListener("change", () => {
  const { count, all } = selection;
  const shown = by("selection");
  shown.hidden = !count;
  shown.textContent = fill(all ? texts.selected_all : texts.selected, { count: number.format(count) });
  by("select-none").hidden = !count;
  for (const button of form.querySelectorAll(".class-button, [value=none], [value=exclude], [value=include]")) {
    button.disabled = !count;
  }
  view.paint();
});

connectPointer(root, { view, images, selection, open });

const pick = connectPicker(page.classes, label);
const actions = { none: () => label(null), exclude, include: () => setState("active"), undo, redo };
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const what = event.submitter?.value;
  (actions[what] ?? (() => label(Number(what))))();
  root.focus({ preventScroll: true }); // the next key is for the grid
});
by("select-all").addEventListener("click", () => selection.everything());
by("select-none").addEventListener("click", () => selection.clear());
by("tile-size").valueAsNumber = view.size;
by("tile-size").addEventListener("input", (event) => (view.size = event.target.valueAsNumber));

connectKeys(page.classes, texts, { view, images, selection, open, label, exclude, undo, redo, pick });

by("plain-pages").remove(); // the grid shows the same images, and all others
root.tabIndex = 0;
root.hidden = false;
by("gallery").classList.add("live");
for (const hidden of document.querySelectorAll("#gallery [data-live], #select-all")) {
  hidden.hidden = false;
}
view.layout();
selection.clear();
