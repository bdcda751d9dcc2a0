// The page of probably wrong labels: one key settles a picture and shows the next one that is still open.

import { paint } from "./colors.js";
import { connectPicker } from "./picker.js";
import { data, fill, showConflicts } from "./save-view.js";
import { Saver } from "./saver.js";
import { classKey, register } from "./shortcuts.js";
import { toast } from "./toast.js";

const page = data("suspect-data");
const texts = data("suspect-texts");
const classes = new Map(page.classes.map((item) => [item.id, item]));
const place = document.getElementById("selected");
const saver = new Saver(page);
const steps = []; // {item, request}
let walk = 0;
let counting = 0;

const tiles = () => [...document.querySelectorAll("#tiles .tile")];
const tile = (item) => document.querySelector(`.tile[data-item="${item}"]`);
const current = () => tile(place.querySelector(".selected-head").dataset.item);
const isOpen = (one) => !("settled" in one.dataset);

/** This page with its filter, from its beginning. */
function here() {
  const address = new URL(location.href);
  address.searchParams.delete("at");
  address.searchParams.delete("page");
  address.hash = "";
  return address;
}

async function show(one) {
  walk += 1;
  const mine = walk;
  const address = new URL(one.href);
  address.searchParams.set("part", "selected");
  address.hash = "";
  let html;
  try {
    const answer = await fetch(address, { headers: { "HX-Request": "true" } });
    html = answer.ok ? await answer.text() : null;
  } catch {
    html = null;
  }
  if (mine !== walk) {
    return; // another key was faster
  }
  const nodes = html && new DOMParser().parseFromString(html, "text/html").body;
  if (!nodes || nodes.querySelector(".selected-head")?.dataset.item !== one.dataset.item) {
    location.assign(one.href); // the page says what is wrong
    return;
  }
  place.replaceChildren(...nodes.childNodes);
  document.querySelector(".tile[aria-current]")?.removeAttribute("aria-current");
  one.setAttribute("aria-current", "true");
  one.scrollIntoView({ block: "nearest" });
  history.replaceState(null, "", one.href);
  paint(place);
}

/** The next open tile in a direction, or undefined. */
function near(direction) {
  const all = tiles();
  const at = all.indexOf(current());
  const rest = direction > 0 ? all.slice(at + 1) : all.slice(0, at).reverse();
  return rest.find(isOpen);
}

async function onward() {
  const next = near(1) ?? tiles().find(isOpen);
  if (next) {
    show(next);
    return;
  }
  await saver.settled();
  if (page.more) {
    location.assign(here()); // the next page has become the first
    return;
  }
  document.querySelector(".review-columns").hidden = true;
  document.getElementById("settled").hidden = false;
}

/** The numbers of this page, and what it offers at its end, once all is saved. */
async function recount() {
  counting += 1;
  const mine = counting;
  await saver.settled();
  const answer = mine === counting ? await fetch(here()).catch(() => null) : null;
  const fresh = answer?.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
  if (!fresh || mine !== counting) {
    return; // another key was faster, or the next one may have an answer
  }
  for (const id of ["open-counts", "settled"]) {
    document.getElementById(id).replaceChildren(...(fresh.getElementById(id)?.childNodes ?? []));
  }
}

function settle(one, request, words) {
  steps.push({ item: one.dataset.item, request });
  one.dataset.settled = "";
  const badge = one.querySelector(".tile-now");
  badge.textContent = words;
  badge.hidden = false;
  const text = fill(texts.fixed, { name: one.dataset.name, label: words });
  toast(text, { action: { label: texts.undo, run: undo } });
  onward();
  recount();
}

function give(classId) {
  const one = current();
  if (!isOpen(one)) {
    return;
  }
  if (String(classId) === one.dataset.given) {
    right(); // the label that it has, given again
    return;
  }
  if (!classes.has(classId)) {
    toast(texts.retired, { error: true });
    return;
  }
  const image = { imageId: Number(one.dataset.image), version: Number(one.dataset.version) };
  settle(one, saver.assign([image], classId, "review"), classes.get(classId).name);
}

function right() {
  const one = current();
  if (isOpen(one)) {
    const images = { image_ids: [Number(one.dataset.image)] };
    settle(one, saver.mark(images, "checked", one.dataset.given, "review"), texts.kept); // of the class that was seen
  }
}

async function undo() {
  const last = steps.pop();
  saver.undo(last?.request); // without one: the newest change of an earlier visit
  await saver.settled();
  // The server lists the picture again, perhaps at another place.
  const back = here();
  if (last) {
    back.searchParams.set("at", last.item);
  }
  location.assign(back);
}

function step(direction) {
  const one = near(direction);
  if (one) {
    show(one);
  }
}

const pick = connectPicker(page.classes, give);
const group = texts.group;
register([
  { keys: ["Enter"], group, label: texts.accept, run: () => give(Number(current().dataset.suggested)) },
  { keys: ["KeyK"], group, label: texts.right, run: right },
  { keys: ["ArrowRight", "KeyJ", "Space"], group, label: texts.next, repeat: true, run: () => step(1) },
  { keys: ["ArrowLeft"], group, label: texts.previous, repeat: true, run: () => step(-1) },
  ...page.classes.filter((item) => item.key !== "").map((item) => ({
    keys: [classKey(item.key)], fixed: true, group, label: fill(texts.fix, { name: item.name }), run: () => give(item.id),
  })),
  { keys: ["Slash"], group, label: texts.pick, run: pick },
  { keys: ["KeyZ", "Ctrl+KeyZ"], group, label: texts.undo, run: undo },
]);
place.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.submitter?.value === "right") {
    right();
  } else {
    give(Number(current().dataset.suggested));
  }
});
document.getElementById("tiles").addEventListener("click", (event) => {
  const one = event.target.closest(".tile");
  if (one && isOpen(one) && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    show(one);
  }
});
saver.addEventListener("rejected", ({ detail: { error } }) => toast(error.message, { error: true }));
showConflicts(saver, document.getElementById("conflicts"), {
  texts,
  classes,
  describe: (image) => document.querySelector(`.tile[data-image="${image}"]`)?.dataset.name ?? String(image),
  adopt: () => {},
  insist: (entry, conflicts) => {
    const images = conflicts.map((other) => ({ imageId: other.image_id, version: other.version }));
    saver.assign(images, entry.body.class_id, "review");
  },
});
