// The review page: walk through the pictures by key, lay the heat map over them, correct a wrong label where it is seen.
//
// The large picture is a fragment made by the server. Neighbours are fetched ahead, so that a key is answered at once.

import { paint } from "./colors.js";
import { connectExplain } from "./explain.js";
import { HeatView } from "./heat-view.js";
import { connectPicker } from "./picker.js";
import { data, fill, showConflicts } from "./save-view.js";
import { Saver } from "./saver.js";
import { classKey, register } from "./shortcuts.js";
import { toast } from "./toast.js";

const page = data("review-data");
const texts = data("review-texts");
const words = data("review-keys");
const classes = new Map(page.classes.map((item) => [item.id, item]));
const place = document.getElementById("selected");
const heat = new HeatView(place);
const saver = new Saver(page);
const fragments = new Map(); // item id -> promise of the HTML
const requests = new Map(); // request id -> [{item, before}] for undo
let walk = 0;

const head = () => place.querySelector(".selected-head");
const current = () => Number(head().dataset.item);
const tile = (item) => document.querySelector(`.tile[data-item="${item}"]`);
const tileOfImage = (image) => document.querySelector(`.tile[data-image="${image}"]`);

function fragment(item, href) {
  if (!fragments.has(item)) {
    const address = new URL(href, location.href);
    address.searchParams.set("part", "selected");
    address.hash = "";
    const answer = fetch(address, { headers: { "HX-Request": "true" } }).then((response) => {
      if (!response.ok) {
        throw new Error(`${response.status}`);
      }
      return response.text();
    });
    answer.catch(() => fragments.delete(item)); // asked for again next time
    fragments.set(item, answer);
  }
  return fragments.get(item);
}

async function prefetch(item, href) {
  if (!item) {
    return;
  }
  try {
    const html = await fragment(Number(item), href);
    const made = new DOMParser().parseFromString(html, "text/html");
    for (const image of made.images) {
      new Image().src = image.getAttribute("src");
    }
  } catch {
    // The picture is fetched when it is asked for; an error is shown then.
  }
}

function arrange() {
  paint(place);
  heat.arrange();
  connectExplain(place, words, current(), () => reload());
  connectForms(place);
  for (const button of place.querySelectorAll(".fix-class")) {
    button.disabled = false;
    const now = tile(current())?.dataset.now;
    button.setAttribute("aria-pressed", String(button.dataset.class === now));
  }
  showNow(current());
  const { previousItem, previous, nextItem, next } = head().dataset;
  prefetch(nextItem, next);
  prefetch(previousItem, previous);
}

/** Show `item`, which is on this page; otherwise the browser goes to the page that has it. */
async function show(item, href) {
  if (!tile(item)) {
    location.assign(href);
    return;
  }
  walk += 1;
  const mine = walk;
  let html;
  try {
    html = await fragment(item, href);
  } catch {
    location.assign(href); // the page says what is wrong
    return;
  }
  if (mine !== walk) {
    return; // another key was faster
  }
  place.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
  document.querySelector(".tile[aria-current]")?.removeAttribute("aria-current");
  tile(item).setAttribute("aria-current", "true");
  tile(item).scrollIntoView({ block: "nearest" });
  history.replaceState(null, "", href);
  arrange();
}

function reload() {
  const item = current();
  fragments.clear(); // maps of other pictures may have come too
  return show(item, tile(item).href);
}

function step(direction) {
  const { previousItem, previous, nextItem, next } = head().dataset;
  const [item, href] = direction > 0 ? [nextItem, next] : [previousItem, previous];
  if (item) {
    show(Number(item), href);
  } else {
    toast(direction > 0 ? words.last : words.first);
  }
}

// ---- labels ----

function name(id) {
  return id === "" || id === null ? texts.none : classes.get(Number(id))?.name ?? "?";
}

/** Note that an image now has the class `now` (a string, "" for none) in its tile, the picture and the bar. */
function setNow(one, now) {
  const { seen } = one.dataset;
  const difference = Number(now !== seen) - Number(one.dataset.now !== seen);
  one.dataset.now = now;
  const badge = one.querySelector(".tile-now");
  badge.textContent = name(now);
  badge.hidden = now === seen;
  page.changed += difference;
  const bar = document.getElementById("changed-labels");
  bar.hidden = page.changed <= 0;
  document.getElementById("changed-count").textContent = page.changed === 1 ? bar.dataset.one : fill(bar.dataset.many, { count: page.changed });
  if (Number(one.dataset.item) === current()) {
    showNow(current());
  }
}

function showNow(item) {
  const one = tile(item);
  const line = place.querySelector(".label-now");
  line.hidden = one.dataset.now === one.dataset.seen;
  line.querySelector("strong").textContent = name(one.dataset.now);
  for (const button of place.querySelectorAll(".fix-class")) {
    button.setAttribute("aria-pressed", String(button.dataset.class === one.dataset.now));
  }
}

function fix(classId) {
  const one = tile(current());
  const before = one.dataset.now;
  if (before !== String(classId)) {
    const image = { imageId: Number(one.dataset.image), version: Number(one.dataset.version) };
    const request = saver.assign([image], classId, "review");
    requests.set(request, { item: Number(one.dataset.item), before });
    setNow(one, String(classId));
    const text = fill(words.fixed, { name: one.dataset.name, label: name(classId) });
    toast(text, { action: { label: texts.undo, run: () => undo() } });
  }
  step(1);
}

function undo() {
  const last = [...requests.keys()].at(-1);
  if (last === undefined) {
    saver.undo(); // the newest change of an earlier visit; the answer says which
    return;
  }
  const { item, before } = requests.get(last);
  requests.delete(last);
  saver.undo(last);
  setNow(tile(item), before);
  show(item, tile(item).href);
}

function learn(images) {
  for (const image of images) {
    const one = tileOfImage(image.image_id);
    if (one) {
      one.dataset.version = image.version;
      setNow(one, image.class_id === null ? "" : String(image.class_id));
    }
  }
}

function connectSaver() {
  saver.addEventListener("saved", ({ detail: { answer } }) => {
    if (!saver.count) {
      learn(answer.images ?? []);
    }
  });
  saver.addEventListener("rejected", ({ detail: { error } }) => toast(error.message, { error: true }));
  showConflicts(saver, document.getElementById("conflicts"), {
    texts,
    classes,
    describe: (image) => tileOfImage(image)?.dataset.name ?? String(image),
    adopt: (conflicts, entry) => {
      requests.delete(entry.body.request_id);
      learn(conflicts);
    },
    insist: (entry, conflicts) => {
      const images = conflicts.map((other) => ({ imageId: other.image_id, version: other.version }));
      saver.assign(images, entry.body.class_id, "review");
      conflicts.forEach((other) => setNow(tileOfImage(other.image_id), String(entry.body.class_id)));
    },
  });
}

// ---- keys and clicks ----

function connectForms(root) {
  for (const form of root.querySelectorAll("form[data-auto-submit]")) {
    form.querySelector("button").hidden = true;
    form.addEventListener("change", () => form.requestSubmit());
  }
}

function connectKeys(pick) {
  const group = words.group;
  const fixes = page.classes.filter((item) => item.key !== "").map((item) => ({
    keys: [classKey(item.key)], fixed: true, group, label: fill(words.fix, { name: item.name }), run: () => fix(item.id),
  }));
  register([
    { keys: ["ArrowRight", "KeyJ", "Space"], group, label: words.next, repeat: true, run: () => step(1) },
    { keys: ["ArrowLeft", "KeyK"], group, label: words.previous, repeat: true, run: () => step(-1) },
    ...fixes,
    { keys: ["KeyZ", "Ctrl+KeyZ"], group, label: words.undo, run: undo },
    { keys: ["Shift+KeyZ", "Ctrl+Shift+KeyZ"], group, label: words.redo, run: () => saver.redo() },
    { keys: ["Slash"], group, label: words.pick, run: pick },
    { keys: ["KeyH"], group, label: words.heat, run: () => heat.toggle() },
    { keys: ["BracketLeft"], group, label: words.weaker, repeat: true, run: () => heat.stronger(-10) },
    { keys: ["BracketRight"], group, label: words.stronger, repeat: true, run: () => heat.stronger(10) },
  ]);
}

function connectClicks() {
  document.getElementById("tiles").addEventListener("click", (event) => {
    const one = event.target.closest(".tile");
    if (one && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      show(Number(one.dataset.item), one.href);
    }
  });
  place.addEventListener("click", (event) => {
    const button = event.target.closest(".fix-class");
    const arrow = event.target.closest(".step-next, .step-previous");
    if (button) {
      fix(Number(button.dataset.class));
    } else if (arrow && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      step(arrow.classList.contains("step-next") ? 1 : -1);
    }
  });
}

connectSaver();
connectKeys(connectPicker(page.classes, fix));
connectClicks();
connectForms(document.querySelector(".filter-card"));
arrange();
for (const [image, classId] of saver.pending()) {
  const one = tileOfImage(image);
  if (one) {
    setNow(one, classId === null ? "" : String(classId));
  }
}
