// The map of the pictures: draw around points, press the key of a class, and they have it.

import { Points, SIDE } from "./map-points.js";
import { connectPointer } from "./map-pointer.js";
import { MapView } from "./map-view.js";
import { connectPicker } from "./picker.js";
import { data, fill, showConflicts, showState } from "./save-view.js";
import { Saver } from "./saver.js";
import { classKey, register } from "./shortcuts.js";
import { toast, withdraw } from "./toast.js";

const STEP = 60; // CSS pixels of an arrow key
const MOST_CORNERS = 120; // of all areas in an address
const [MOST_AREAS, MOST_SINGLES] = [20, 200];
const page = data("map-data");
const texts = { ...data("label-texts"), ...data("map-texts") };
const { urls, classes } = page;
const by = (id) => document.getElementById(id);
const number = new Intl.NumberFormat(document.documentElement.lang);
const [canvas, stage, hover] = [by("plane"), by("stage"), by("hover")];
const classById = new Map(classes.map((item) => [item.id, item]));
const placeOfClass = new Map([[null, 0], ...classes.map((item, place) => [item.id, place + 1])]);
const className = (classId) => (classId === null ? texts.none : classById.get(classId)?.name ?? "?");

const answer = await fetch(page.points);
const points = new Points(await answer.arrayBuffer());
const placeOfImage = new Map();
points.ids.forEach((imageId, place) => placeOfImage.set(imageId, place));
const view = new MapView(canvas, points);
const saver = new Saver({ assignUrl: urls.assign, undoUrl: urls.undo, redoUrl: urls.redo, markUrl: urls.mark });
let colouredBy = "class";
let areas = []; // lassos, as corners
let singles = new Set(); // what was chosen one by one beside them

// --- colours -----------------------------------------------------------------------------------------------------

function colour() {
  const legend = points.legend(colouredBy, { classes, texts });
  view.colour(legend);
  const rows = legend.entries.filter((entry) => entry.count).map((entry) => {
    const row = document.createElement("li");
    const dot = document.createElement("span");
    dot.className = "dot";
    dot.style.background = `rgb(${entry.colour.join(" ")})`;
    const name = document.createElement("span");
    name.textContent = entry.name;
    const count = document.createElement("span");
    count.className = "count";
    count.textContent = number.format(entry.count);
    row.append(dot, name, count);
    return row;
  });
  by("legend").replaceChildren(...rows);
}

function press(group, button) {
  for (const other of group.querySelectorAll("[aria-pressed]")) {
    other.setAttribute("aria-pressed", String(other === button));
  }
}

by("colour-by").addEventListener("click", ({ target }) => {
  const button = target.closest("[data-by]");
  if (button) {
    press(by("colour-by"), button);
    colouredBy = button.dataset.by;
    const address = new URL(location.href);
    address.searchParams.set("by", colouredBy);
    if (colouredBy === "class") {
      address.searchParams.delete("by");
    }
    history.replaceState(null, "", address);
    colour();
  }
});
by("modes").addEventListener("click", ({ target }) => {
  const button = target.closest("[data-mode]");
  if (button) {
    press(by("modes"), button);
    stage.dataset.mode = button.dataset.mode;
  }
});

by("map-run")?.addEventListener("change", ({ currentTarget }) => {
  const address = new URL(location.href); // the colours stay
  address.searchParams.set("run", currentTarget.elements.namedItem("run").value);
  location.assign(address);
});

// --- the selection -----------------------------------------------------------------------------------------------

function select(places, corners) {
  view.selected = new Set(places);
  view.lasso = corners;
  const { size } = view.selected;
  by("chosen").textContent = size ? fill(by("chosen").dataset.some, { count: number.format(size) }) : by("chosen").dataset.none;
  for (const button of by("map-form").querySelectorAll("button")) {
    button.disabled = !size && button.value !== "undo";
  }
  view.draw();
}

function clear() {
  areas = [];
  singles = new Set();
  select([], []);
}

function lassoed(corners, add) {
  if (!add) {
    areas = [];
    singles = new Set();
  }
  const before = add ? view.selected : [];
  if (corners.length < 3) {
    const near = points.nearest(...corners[0], SIDE / 100 / view.zoom);
    if (near >= 0) {
      singles.add(near);
    }
    select([...before, ...(near < 0 ? [] : [near])], add ? view.lasso : []);
    return;
  }
  areas.push(corners);
  select([...before, ...points.inside(corners)], corners);
}

/** The selection as a query: its areas, and the images that were chosen one by one. */
function selected() {
  const whole = (value) => Math.max(0, Math.min(SIDE, Math.round(value)));
  const thin = Math.max(1, Math.ceil(areas.reduce((sum, corners) => sum + corners.length, 0) / MOST_CORNERS));
  const kept = (corners) => corners.filter((_corner, at) => at % Math.min(thin, Math.floor(corners.length / 3)) === 0);
  const query = new URLSearchParams();
  if (areas.length) {
    query.set("area", areas.slice(-MOST_AREAS).map((corners) => kept(corners).flat().map(whole).join(",")).join(";"));
  }
  if (singles.size) {
    query.set("ids", [...singles].slice(0, MOST_SINGLES).map((place) => points.ids[place]).join(","));
  }
  if (areas.length && page.of) {
    query.set("of", page.of);
  }
  return view.selected.size ? query : null;
}

function openAt(address) {
  const query = selected();
  if (query) {
    location.assign(`${address}?${decodeURIComponent(query)}`);
  }
}

const openList = () => openAt(urls.similar);
const openReview = () => page.review && openAt(page.review);

// --- labels ------------------------------------------------------------------------------------------------------

const acted = new Map(); // request id -> [place, class before] of each image

function label(classId, places = [...view.selected]) {
  const wanted = placeOfClass.get(classId);
  const changed = places.filter((place) => points.classes[place] !== wanted);
  if (!changed.length) {
    return;
  }
  const before = changed.map((place) => [place, points.classes[place]]);
  const items = changed.map((place) => ({ imageId: points.ids[place], version: points.versions[place] }));
  acted.set(saver.assign(items, classId, "gallery"), before);
  changed.forEach((place) => (points.classes[place] = wanted));
  colour();
  const text = fill(texts.labelled_as, { count: number.format(changed.length), name: className(classId) });
  toast(text, { action: { label: texts.undo, run: undo } });
}

function undo() {
  withdraw();
  const requestId = [...acted.keys()].pop();
  restore(requestId);
  saver.undo(requestId);
}

function restore(requestId) {
  for (const [place, value] of acted.get(requestId) ?? []) {
    points.classes[place] = value;
  }
  acted.delete(requestId);
  colour();
}

function adopt(rows) {
  for (const { image_id, class_id, version } of rows) {
    const place = placeOfImage.get(image_id);
    if (place !== undefined) {
      points.versions[place] = version;
      points.classes[place] = placeOfClass.get(class_id) ?? 0;
    }
  }
  colour();
}

saver.addEventListener("saved", ({ detail }) => adopt([...(detail.answer.images ?? []), ...(detail.answer.conflicts ?? [])]));
saver.addEventListener("rejected", ({ detail: { entry, error } }) => {
  toast(error?.message ?? "", { error: true });
  restore(entry.body.request_id);
});
showState(saver, by("save-state"), texts);
showConflicts(saver, by("conflicts"), {
  texts,
  classes: classById,
  describe: String,
  adopt: (conflicts, entry) => {
    restore(entry.body.request_id);
    adopt(conflicts);
  },
  insist: (entry) => label(entry.body.class_id, entry.body.changes.map((change) => placeOfImage.get(change.image_id))),
});

// --- the page ----------------------------------------------------------------------------------------------------

let hoveredPlace = -1;

function hovered(place, left, top) {
  hover.hidden = place < 0;
  if (place < 0) {
    hoveredPlace = -1;
    return;
  }
  if (place !== hoveredPlace) {
    hoveredPlace = place;
    const [picture, name] = hover.children;
    picture.src = page.thumb.replace(/\/0\/thumb$/, `/${points.ids[place]}/thumb`);
    name.textContent = className(classes[points.classes[place] - 1]?.id ?? null);
  }
  const x = left + hover.offsetWidth + 24 > stage.clientWidth ? left - hover.offsetWidth - 12 : left + 16;
  const y = Math.max(4, Math.min(top + 12, stage.clientHeight - hover.offsetHeight - 4));
  hover.style.transform = `translate(${x}px, ${y}px)`;
}

canvas.addEventListener("dblclick", () => {
  if (hoveredPlace >= 0) {
    location.assign(page.image.replace(/\/0$/, `/${points.ids[hoveredPlace]}`));
  }
});
connectPointer(canvas, { view, points, stage, lassoed, hovered });
const pick = connectPicker(classes, (classId) => label(classId));
const acts = { none: () => label(null), open: openList, review: openReview, clear, undo };
by("map-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const what = event.submitter?.value;
  (acts[what] ?? (() => label(Number(what))))();
});
by("fit").addEventListener("click", () => view.fit());
const onPlane = () => document.activeElement === canvas || document.activeElement === document.body;
const arrows = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };
register([
  ...classes
    .filter((item) => item.key)
    .map((item) => ({ keys: [classKey(item.key)], fixed: true, label: item.name, run: () => label(item.id) })),
  ...Object.entries(arrows).map(([code, step]) => ({ keys: [code], when: onPlane, repeat: true, run: () => view.move(...step) })),
  { keys: ["Equal"], label: texts.key_more, repeat: true, run: () => view.zoomAt(1.3) },
  { keys: ["Minus"], label: texts.key_less, repeat: true, run: () => view.zoomAt(1 / 1.3) },
  { keys: ["Home"], label: texts.key_fit, run: () => view.fit() },
  { keys: ["Enter"], label: texts.key_open, when: () => onPlane() && view.selected.size > 0, run: openList },
  ...(page.review ? [{ keys: ["KeyR"], label: texts.key_review, when: () => onPlane() && view.selected.size > 0, run: openReview }] : []),
  { keys: ["Escape"], label: texts.key_clear, run: clear },
  { keys: ["Delete"], label: texts.key_none, run: () => label(null) },
  { keys: ["KeyZ", "Ctrl+KeyZ"], label: texts.key_undo, run: undo },
  { keys: ["Slash"], label: texts.key_pick, when: () => view.selected.size > 0, run: pick },
]);
const asked = by("colour-by").querySelector(`[data-by="${CSS.escape(new URLSearchParams(location.search).get("by") ?? "class")}"]`);
if (asked) {
  press(by("colour-by"), asked);
  colouredBy = asked.dataset.by;
}
colour();
clear();
by("map").dataset.ready = "true";
