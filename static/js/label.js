// Label mode: a digit gives the class and shows the next picture; everything is saved in the background.

import { Queue } from "./label-queue.js";
import { Counts, Pace, Strip, showFacts } from "./label-view.js";
import { Stage } from "./label-stage.js";
import { connectPicker } from "./picker.js";
import { fill, data, showConflicts, showState } from "./save-view.js";
import { Saver } from "./saver.js";
import { register } from "./shortcuts.js";
import { toast } from "./toast.js";

const page = data("label-data");
const texts = data("label-texts");
const classes = new Map(page.classes.map((item) => [item.id, item]));
const { urls } = page;
const form = document.getElementById("label-form");
const advance = document.getElementById("advance");

const saver = new Saver({ assignUrl: urls.assign, undoUrl: urls.undo, redoUrl: urls.redo, stateUrl: urls.state });
const queue = new Queue(page);
const stage = new Stage(texts.broken);
const counts = new Counts();
const pace = new Pace(texts);
const seen = new Map([...page.strip_items, ...page.items].map((item) => [item.id, item]));
const strip = new Strip((imageId) => queue.find(imageId) ?? seen.get(imageId), open);
let done = []; // what undo takes back: {item, requestId, before, after} with labels or states
let undone = [];
let last = null; // the class given last, for "same again"

const pageUrl = (imageId) => {
  const url = new URL(page.page, location.href);
  url.searchParams.set("at", imageId);
  return url.pathname + url.search;
};
const imageUrl = (imageId) => page.image.replace(/\/0$/, `/${imageId}`);

function show() {
  document.querySelector("[data-finished]")?.remove();
  form.hidden = false;
  const item = queue.current;
  stage.show(queue.items, queue.index);
  showFacts(item, classes, texts, imageUrl);
  form.elements.image_id.value = item.id;
  document.querySelector("input[form=new-class][name=at]").value = item.id;
  history.replaceState(null, "", pageUrl(item.id));
}

function finish() {
  form.hidden = true;
  const end = document.getElementById("finished-template").content.cloneNode(true);
  form.after(end);
  history.replaceState(null, "", page.page);
}

async function go(options) {
  if (await queue.next(options)) {
    show();
  } else {
    finish();
  }
}

function open(item) {
  queue.jump(item);
  show();
}

function setLabel(item, classId) {
  if (item.state === "active") {
    counts.move(item.class_id, classId);
  }
  item.class_id = classId;
}

function note(item) {
  const label = classes.get(item.class_id);
  strip.add(item, label?.name ?? texts.none, label?.color, pageUrl(item.id));
}

function label(classId) {
  if (form.hidden) {
    return;
  }
  const item = queue.current;
  const before = item.class_id;
  let requestId = null; // a label that stays needs no request, but undo still leads back to its picture
  if (before !== classId) {
    requestId = saver.assign([{ imageId: item.id, version: item.version }], classId, "label");
    setLabel(item, classId);
  }
  done.push({ item, requestId, before, after: classId });
  undone = [];
  last = classId ?? last;
  note(item);
  pace.tick(counts.total - counts.labelled);
  if (advance.checked) {
    go({ toOpen: true });
  } else {
    show();
  }
}

function setState(item, state) {
  counts.count(item.class_id, state === "active" ? 1 : -1);
  item.state = state;
  saver.setState({ image_ids: [item.id] }, state);
}

function exclude() {
  if (form.hidden) {
    return;
  }
  const item = queue.current;
  const before = item.state;
  setState(item, before === "active" ? "excluded" : "active");
  done.push({ item, before, after: item.state, isState: true });
  undone = [];
  if (advance.checked && item.state === "excluded") {
    go({ toOpen: true });
  } else {
    show();
  }
}

function undo() {
  const step = done.pop();
  if (!step) {
    saver.undo(); // of an earlier visit: the answer says which picture
    return;
  }
  undone.push(step);
  takeBack(step, step.before, (id) => saver.undo(id));
}

function redo() {
  const step = undone.pop();
  if (!step) {
    saver.redo();
    return;
  }
  done.push(step);
  takeBack(step, step.after, (id) => saver.redo(id));
}

function takeBack(step, value, send) {
  if (step.isState) {
    setState(step.item, value);
  } else if (step.requestId) {
    send(step.requestId);
    setLabel(step.item, value);
    note(step.item);
  }
  open(step.item);
}

function back() {
  if (form.hidden) {
    show();
  } else if (queue.back()) {
    show();
  } else {
    toast(texts.first);
  }
}

function same() {
  if (last === null) {
    toast(texts.no_previous);
  } else {
    label(last);
  }
}

// What the server says of images on this page, after somebody else's change or an undo of an earlier visit.
function adopt(images) {
  for (const image of images) {
    const item = queue.find(image.image_id) ?? seen.get(image.image_id);
    if (item) {
      setLabel(item, image.class_id);
      item.version = image.version;
    }
  }
  if (!form.hidden) {
    showFacts(queue.current, classes, texts, imageUrl);
  }
}

saver.addEventListener("saved", ({ detail: { entry, answer } }) => {
  if (answer.conflicts?.length) {
    toast(fill(texts.others_kept, { count: answer.conflicts.length }), { error: true });
    adopt(answer.conflicts);
  }
  if (entry.body.of_request === null && answer.images.length) {
    location.assign(pageUrl(answer.images[0].image_id));
  }
});
saver.addEventListener("rejected", ({ detail: { entry, error } }) => {
  toast(error?.message ?? "", { error: true });
  const step = done.find((one) => one.requestId === entry.body.request_id);
  if (step) {
    done = done.filter((one) => one !== step);
    setLabel(step.item, step.before);
    open(step.item);
  }
});
showState(saver, document.getElementById("save-state"), texts);
showConflicts(saver, document.getElementById("conflicts"), {
  texts,
  classes,
  describe: (imageId) => (queue.find(imageId) ?? seen.get(imageId))?.name ?? String(imageId),
  adopt: (conflicts, entry) => {
    done = done.filter((step) => step.requestId !== entry.body.request_id);
    adopt(conflicts);
  },
  insist: (entry, conflicts) => {
    const [other] = conflicts; // this page changes one image at a time
    const after = entry.body.class_id;
    const requestId = saver.assign([{ imageId: other.image_id, version: other.version }], after, "label");
    const item = queue.find(other.image_id) ?? seen.get(other.image_id);
    if (item) {
      done.push({ item, requestId, before: other.class_id, after });
    }
    adopt([{ ...other, class_id: after }]);
  },
});

const pick = connectPicker(page.classes, label);
const actions = { skip: () => go(), back, undo, redo, same, pick, none: () => label(null), exclude };
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const what = event.submitter?.value;
  (actions[what] ?? (() => label(Number(what))))();
  document.activeElement?.blur(); // Space and Enter are for the next picture, not for the button just clicked
});
for (const control of form.querySelectorAll("input[type=checkbox], input[type=range]")) {
  control.addEventListener("pointerup", () => setTimeout(() => control.blur()));
}
for (const hidden of form.querySelectorAll("[data-live], #stage-tools")) {
  hidden.hidden = false;
}

const free = () => document.activeElement?.type !== "range";
const digit = (key) => (key.startsWith("⇧") ? `Shift+Digit${key.slice(1)}` : `Digit${key}`);
register([
  ...page.classes.filter((item) => item.key).map((item) => ({ keys: [digit(item.key)], label: item.name, run: () => label(item.id) })),
  { keys: ["Space", "ArrowRight"], label: texts.key_next, when: free, repeat: true, run: () => !form.hidden && go() },
  { keys: ["ArrowLeft", "Backspace"], label: texts.key_back, when: free, repeat: true, run: back },
  { keys: ["KeyZ", "Ctrl+KeyZ"], label: texts.key_undo, run: undo },
  { keys: ["Shift+KeyZ", "Ctrl+Shift+KeyZ"], label: texts.key_redo, run: redo },
  { keys: ["Period"], label: texts.key_same, run: same },
  { keys: ["KeyX"], label: texts.key_exclude, run: exclude },
  { keys: ["Delete"], label: texts.key_none, run: () => label(null) },
  { keys: ["Slash"], label: texts.key_pick, when: () => page.classes.length > 0, run: pick },
  { keys: ["Equal"], label: texts.key_larger, repeat: true, run: () => stage.step(1) },
  { keys: ["Minus"], label: texts.key_smaller, repeat: true, run: () => stage.step(-1) },
  { keys: ["KeyP"], label: texts.key_pixels, run: () => stage.togglePixels() },
]);

// Labels of an earlier visit that the server does not have yet.
for (const [imageId, classId] of saver.pending()) {
  const item = queue.find(imageId);
  if (item) {
    setLabel(item, classId);
  }
}
if (queue.onlyUnlabelled && queue.current.class_id !== null && saver.count && !new URLSearchParams(location.search).has("at")) {
  go({ toOpen: true });
} else {
  show();
}
