// The compare page: walk through the pictures by key, see what each run said of them, correct a wrong label in place.
//
// The large picture is a fragment made by the server. Neighbours are fetched ahead, so that a key is answered at once.

import { paint } from "./colors.js";
import { connectExplain } from "./explain.js";
import { connectPicker } from "./picker.js";
import { data, fill, showConflicts } from "./save-view.js";
import { Saver } from "./saver.js";
import { classKey, register } from "./shortcuts.js";
import { toast } from "./toast.js";

const HEAT_OFF = "miwake.heat-off"; // the choice of the review page holds here too
const page = data("compare-data");
const texts = data("compare-texts");
const words = data("compare-keys");
const classes = new Map(page.classes.map((item) => [item.id, item]));
const place = document.getElementById("selected");
const saver = new Saver(page);
const fragments = new Map(); // image id -> promise of the HTML
const requests = new Map(); // request id -> {image, before} for undo
let walk = 0;

const head = () => place.querySelector(".selected-head");
const current = () => Number(head().dataset.image);
const tile = (image) => document.querySelector(`.tile[data-image="${image}"]`);

function fragment(image, href) {
  if (!fragments.has(image)) {
    const address = new URL(href, location.href);
    address.searchParams.set("part", "selected");
    address.hash = "";
    const answer = fetch(address, { headers: { "HX-Request": "true" } }).then((response) => {
      if (!response.ok) {
        throw new Error(`${response.status}`);
      }
      return response.text();
    });
    answer.catch(() => fragments.delete(image)); // asked for again next time
    fragments.set(image, answer);
  }
  return fragments.get(image);
}

async function prefetch(image, href) {
  if (!image) {
    return;
  }
  try {
    const made = new DOMParser().parseFromString(await fragment(Number(image), href), "text/html");
    for (const one of made.images) {
      new Image().src = one.getAttribute("src");
    }
  } catch {
    // The picture is fetched when it is asked for; an error is shown then.
  }
}

function arrange() {
  paint(place);
  place.classList.toggle("heat-off", localStorage.getItem(HEAT_OFF) !== null);
  for (const view of place.querySelectorAll(".view")) {
    if (view.classList.contains("view-stretch")) {
      view.style.aspectRatio = view.dataset.ratio;
    }
    if (view.classList.contains("view-pad")) {
      view.style.backgroundColor = view.dataset.pad;
    }
  }
  for (const side of place.querySelectorAll(".compare-side")) {
    connectExplain(side, words, side.dataset.item, reload);
  }
  for (const button of place.querySelectorAll(".fix-class")) {
    button.disabled = false;
  }
  showNow();
  const { previousImage, previous, nextImage, next } = head().dataset;
  prefetch(nextImage, next);
  prefetch(previousImage, previous);
}

/** Show `image`, which is on this page; otherwise the browser goes to the page that has it. */
async function show(image, href) {
  if (!tile(image)) {
    location.assign(href);
    return;
  }
  walk += 1;
  const mine = walk;
  let html;
  try {
    html = await fragment(image, href);
  } catch {
    location.assign(href); // the page says what is wrong
    return;
  }
  if (mine !== walk) {
    return; // another key was faster
  }
  place.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
  document.querySelector(".tile[aria-current]")?.removeAttribute("aria-current");
  tile(image).setAttribute("aria-current", "true");
  tile(image).scrollIntoView({ block: "nearest" });
  history.replaceState(null, "", href);
  arrange();
}

function reload() {
  fragments.clear(); // maps of other pictures may have come too
  return show(current(), tile(current()).href);
}

function step(direction) {
  const { previousImage, previous, nextImage, next } = head().dataset;
  const [image, href] = direction > 0 ? [nextImage, next] : [previousImage, previous];
  if (image) {
    show(Number(image), href);
  } else {
    toast(direction > 0 ? words.last : words.first);
  }
}

function toggleHeat() {
  if (place.classList.toggle("heat-off")) {
    localStorage.setItem(HEAT_OFF, "1");
  } else {
    localStorage.removeItem(HEAT_OFF);
  }
}

// ---- labels ----

const name = (id) => (id === "" || id === null ? texts.none : classes.get(Number(id))?.name ?? "?");

/** Note that an image now has the class `now` (a string, "" for none) in its tile, the picture and the bar. */
function setNow(one, now) {
  const bar = document.getElementById("changed-labels");
  const difference = Number(now !== one.dataset.seen) - Number(one.dataset.now !== one.dataset.seen);
  one.dataset.now = now;
  const badge = one.querySelector(".tile-now");
  badge.textContent = name(now);
  badge.hidden = now === one.dataset.seen;
  bar.dataset.count = Number(bar.dataset.count) + difference;
  bar.hidden = Number(bar.dataset.count) <= 0 || bar.dataset.judge === "now";
  showNow();
}

function showNow() {
  const { now, seen } = tile(current()).dataset;
  const line = place.querySelector(".label-now");
  line.hidden = now === seen;
  line.querySelector("strong").textContent = name(now);
  for (const button of place.querySelectorAll(".fix-class")) {
    button.setAttribute("aria-pressed", String(button.dataset.class === now));
  }
}

function fix(classId) {
  const one = tile(current());
  const before = one.dataset.now;
  if (before !== String(classId)) {
    const image = { imageId: current(), version: Number(one.dataset.version) };
    requests.set(saver.assign([image], classId, "review"), { image: current(), before });
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
  const { image, before } = requests.get(last);
  requests.delete(last);
  saver.undo(last);
  setNow(tile(image), before);
  show(image, tile(image).href);
}

function learn(images) {
  for (const image of images) {
    const one = tile(image.image_id);
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
    describe: (image) => tile(image)?.dataset.name ?? String(image),
    adopt: (conflicts, entry) => {
      requests.delete(entry.body.request_id);
      learn(conflicts);
    },
    insist: (entry, conflicts) => {
      const images = conflicts.map((other) => ({ imageId: other.image_id, version: other.version }));
      saver.assign(images, entry.body.class_id, "review");
      conflicts.forEach((other) => setNow(tile(other.image_id), String(entry.body.class_id)));
    },
  });
}

// ---- keys and clicks ----

function connectKeys(pick) {
  const group = words.group;
  const fixes = page.classes.filter((item) => item.key !== "" && !item.retired).map((item) => ({
    keys: [classKey(item.key)], fixed: true, group, label: fill(words.fix, { name: item.name }), run: () => fix(item.id),
  }));
  register([
    { keys: ["ArrowRight", "KeyJ", "Space"], group, label: words.next, repeat: true, run: () => step(1) },
    { keys: ["ArrowLeft", "KeyK"], group, label: words.previous, repeat: true, run: () => step(-1) },
    ...fixes,
    { keys: ["KeyZ", "Ctrl+KeyZ"], group, label: words.undo, run: undo },
    { keys: ["Shift+KeyZ", "Ctrl+Shift+KeyZ"], group, label: words.redo, run: () => saver.redo() },
    { keys: ["Slash"], group, label: words.pick, run: pick },
    { keys: ["KeyH"], group, label: words.heat, run: toggleHeat },
  ]);
}

function connectClicks() {
  document.getElementById("tiles").addEventListener("click", (event) => {
    const one = event.target.closest(".tile");
    if (one && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      show(Number(one.dataset.image), one.href);
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
const filter = document.querySelector("#pictures form");
filter.querySelector("button").hidden = true;
filter.addEventListener("change", () => filter.requestSubmit());
arrange();
for (const [image, classId] of saver.pending()) {
  const one = tile(image);
  if (one) {
    setNow(one, classId === null ? "" : String(classId));
  }
}
