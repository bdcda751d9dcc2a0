// The gallery: all images that match in one grid. Click, Shift-click, a drag or Ctrl+A select; a digit labels them.

import { Acts, setValue } from "./grid-acts.js";
import { Images } from "./grid-data.js";
import { connectKeys } from "./grid-keys.js";
import { connectMove } from "./grid-move.js";
import { connectPointer } from "./grid-pointer.js";
import { connectCompare } from "./grid-compare.js";
import { download } from "./grid-download.js";
import { connectRights } from "./grid-rights.js";
import { connectSplit } from "./grid-split.js";
import { GridView } from "./grid-view.js";
import { Selection } from "./grid-selection.js";
import { connectNote, connectReasons } from "./label-marks.js";
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

const saver = new Saver({ assignUrl: urls.assign, undoUrl: urls.undo, redoUrl: urls.redo, markUrl: urls.mark });
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
  tile.dataset.marks = item ? (item.unsure ? "?" : "") + (item.skipped && item.class_id === null ? "↷" : "") + (item.note ? "✎" : "") : "";
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

// Filters and orders that may list other images once something was labelled or marked.
const LIVE = ["class", "state", "mark", "reason", "by", "means", "from", "to", "checked", "sort"];
const acts = new Acts(saver, { selection, images, query, view, texts, className });

// --- what the server says ----------------------------------------------------------------------------------------

let timer = 0;
let stale = false; // the list waits to be shown anew

// Numbers and, where the filter asks for what has just changed, the images themselves are brought up to date once
// everything is saved; the tiles already show it. What was selected meanwhile stays, and the list with it, until something
// is done with it.
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
  if (!reload && !stale && counts.total === images.total) {
    return;
  }
  stale = selection.coming || (!selection.all && selection.count > 0 && selection.changes !== acts.seen);
  if (stale) {
    return;
  }
  if (!selection.all) {
    selection.clear();
  }
  await images.reload(view.top);
  if (selection.all) {
    selection.everything(); // there may be more or fewer now
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

function adoptMarks(field, rows) {
  for (const row of rows) {
    const item = images.byId(row.image_id);
    if (item) {
      setValue(item, field, row.value ?? row.text ?? null);
    }
  }
  view.paint();
}

saver.addEventListener("saved", ({ detail: { entry, answer } }) => {
  const isLabel = (answer.field ?? "label") === "label";
  adopt(answer.images ?? []);
  adoptMarks(answer.field, answer.marks ?? []);
  if (answer.conflicts?.length) {
    toast(fill(texts.others_kept, { count: answer.conflicts.length }), { error: true });
    if (isLabel) {
      adopt(answer.conflicts);
    } else {
      adoptMarks(answer.field, answer.conflicts);
    }
  }
  refreshSoon(acts.changesMany(entry) || LIVE.some((name) => name in query));
});
saver.addEventListener("rejected", ({ detail: { entry, error } }) => {
  toast(error?.message ?? "", { error: true });
  acts.refused(entry.body.request_id);
  refreshSoon(true);
});

showState(saver, by("save-state"), texts);
showConflicts(saver, by("conflicts"), {
  texts,
  classes,
  describe: (imageId) => images.byId(imageId)?.name ?? String(imageId),
  adopt: (conflicts, entry) => {
    acts.refused(entry.body.request_id); // nothing of it was written
    adopt(conflicts);
  },
  insist: (entry, conflicts) => {
    const versions = new Map(conflicts.map((other) => [other.image_id, other.version]));
    const items = entry.body.changes.map((change) => images.byId(change.image_id)).filter(Boolean);
    for (const item of items) {
      item.version = versions.get(item.id) ?? item.version;
    }
    const text = fill(texts.labelled_as, { count: number.format(items.length), name: className(entry.body.class_id) });
    acts.send("label", entry.body.class_id, items, text);
  },
});

// --- the page ----------------------------------------------------------------------------------------------------

selection.addEventListener("change", () => {
  const { count, all } = selection;
  const shown = by("selection");
  shown.hidden = !count;
  shown.textContent = fill(all ? texts.selected_all : texts.selected, { count: number.format(count) });
  by("select-none").hidden = !count;
  for (const button of form.querySelectorAll(".class-button, .gallery-actions [data-on-selection]")) {
    button.disabled = !count;
  }
  view.paint();
  if (stale && !count) {
    refreshSoon(true);
  }
});

connectPointer(root, { view, images, selection, open });

const chosen = (act) => (...given) => selection.settled(() => act(...given));
const label = chosen((classId) => acts.label(classId));
const pick = connectPicker(page.classes, label);
const openReasons = connectReasons((reason) => acts.mark("excluded", reason));
const openNote = connectNote((text) => acts.mark("note", text));
const some = (open) => chosen(() => selection.count > 0 && open());
const chosenImages = () =>
  selection.all ? { filter: query, shown: images.total } : { image_ids: selection.items.map((item) => item.id) };
const openSplit = connectSplit(urls.split, { chosen: chosenImages, ready: () => saver.settled(), broken: texts.no_connection });
const openMove = connectMove(urls, {
  chosen: chosenImages,
  ready: () => saver.settled(),
  broken: texts.no_connection,
  moved: (requestId, text) => {
    acts.done(requestId, text);
    selection.clear();
    refreshSoon(true);
  },
});
const openRights = connectRights((values) => acts.rights(values));
const MOST_ASKED = 50; // images of a selection whose neighbours are looked for

async function openSimilar() {
  const items = selection.all ? await images.range(0, Math.min(MOST_ASKED, images.total) - 1) : selection.items;
  const ids = items.slice(0, MOST_ASKED).map((item) => item.id);
  location.assign(`${urls.similar}?to=${ids.join(",")}`);
}

const compare = connectCompare((item) => ({
  picture: page.full.replace(/\/0\/full$/, `/${item.id}/full`),
  page: imageUrl(item.id),
  label: className(item.class_id),
  color: classes.get(item.class_id)?.color ?? "",
}));
const follow = (name) => by("gallery").dataset[name] && (() => location.assign(by("gallery").dataset[name]));

const keyActs = {
  unlabelled: follow("unlabelled"),
  uncertain: follow("uncertain"),
  show: compare,
  compare: some(async () => compare(selection.all ? await images.range(0, 6) : selection.items)),
  open,
  similar: some(openSimilar),
  similarText: form.querySelector('[value="similar"]').firstChild.textContent.trim(),
  label,
  pick,
  exclude: chosen(() => acts.toggle("excluded")),
  reason: some(openReasons),
  unsure: chosen(() => acts.toggle("unsure")),
  note: some(() => openNote(selection.items[0]?.note ?? "")),
  undo: () => acts.undo(),
  redo: () => acts.redo(),
};
const actions = {
  ...keyActs,
  none: () => label(null),
  include: chosen(() => acts.mark("excluded", null)),
  split: some(openSplit),
  move: some(openMove),
  rights: some(openRights),
};
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.submitter?.name === "form") {
    selection.settled(() => download(event.submitter, selection, images));
    return;
  }
  const what = event.submitter?.value;
  (actions[what] ?? (() => label(Number(what))))();
  root.focus({ preventScroll: true }); // the next key is for the grid
});
by("select-all").addEventListener("click", () => selection.everything());
by("select-none").addEventListener("click", () => selection.clear());
by("tile-size").valueAsNumber = view.size;
by("tile-size").addEventListener("input", (event) => (view.size = event.target.valueAsNumber));

connectKeys(page.classes, texts, { view, images, selection, ...keyActs });

by("plain-pages").remove(); // the grid shows the same images, and all others
root.tabIndex = 0;
root.hidden = false;
by("gallery").classList.add("live");
for (const hidden of document.querySelectorAll("#gallery [data-live], #select-all")) {
  hidden.hidden = false;
}
view.layout();
selection.clear();
