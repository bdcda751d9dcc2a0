// Label mode: a digit gives the class and shows the next picture; everything is saved in the background.

import { Queue } from "./label-queue.js";
import { Counts, Pace, Strip, showFacts, stripName } from "./label-view.js";
import { connectKeys } from "./label-keys.js";
import { connectNote, connectReasons, markOf, setMark } from "./label-marks.js";
import { Suggestions } from "./label-suggestions.js";
import { Steps } from "./label-steps.js";
import { Stage } from "./label-stage.js";
import { connectPicker } from "./picker.js";
import { fill, data, showConflicts, showReplaced, showState } from "./save-view.js";
import { Saver } from "./saver.js";
import { toast } from "./toast.js";

const page = data("label-data");
const texts = data("label-texts");
const classes = new Map(page.classes.map((item) => [item.id, item]));
const { urls } = page;
const form = document.getElementById("label-form");
const advance = document.getElementById("advance");

const saver = new Saver({ assignUrl: urls.assign, undoUrl: urls.undo, redoUrl: urls.redo, markUrl: urls.mark });
const named = new URLSearchParams(location.search).has("at");
const queue = new Queue(page, () => {
  toast(texts.lost);
  if (!named) {
    go({ toOpen: true });
  }
}, (other) => showReplaced(document.getElementById("conflicts"), other, texts, page.history));
const suggestions = new Suggestions(classes, texts);
const stage = new Stage(texts.broken);
const counts = new Counts();
const pace = new Pace(texts);
const seen = new Map([...page.strip_items, ...page.items].map((item) => [item.id, item]));
const strip = new Strip((imageId) => queue.find(imageId) ?? seen.get(imageId), open);
const steps = new Steps(saver, (step, value) => {
  if (step.requestId) {
    setValue(step.item, step.field, value);
    note(step.item);
  }
  open(step.item);
});
let last = null; // the class given last, for "same again"
let left = null; // the picture that was done with, until the next one is there

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
  suggestions.show(item);
  form.elements.image_id.value = item.id;
  document.querySelector("input[form=new-class][name=at]").value = item.id;
  history.replaceState(null, "", pageUrl(item.id));
}

function finish() {
  form.hidden = true;
  const end = document.getElementById("finished-template").content.cloneNode(true);
  const elsewhere = end.querySelector("[data-elsewhere]");
  elsewhere.hidden = !queue.elsewhere;
  elsewhere.textContent = fill(texts.elsewhere, { count: queue.elsewhere });
  form.after(end);
  history.replaceState(null, "", page.page);
}

// While the next picture is on its way, keys that are meant for it must not change the one that was left.
async function go(options) {
  left = queue.current;
  form.ariaBusy = "true";
  const found = await queue.next(options);
  left = null;
  form.ariaBusy = "false";
  (found ? show : finish)();
}

function open(item) {
  queue.jump(item);
  show();
}

function setValue(item, field, value) {
  if (field === "label") {
    setLabel(item, value);
    return;
  }
  const wasActive = item.state === "active";
  setMark(item, field, value);
  if (wasActive !== (item.state === "active")) {
    counts.count(item.class_id, wasActive ? -1 : 1);
  }
}

function setLabel(item, classId) {
  if (item.state === "active") {
    counts.move(item.class_id, classId);
  }
  if (item.class_id !== classId) {
    item.checked = false;
  }
  item.class_id = classId;
}

function note(item) {
  strip.add(item, stripName(item, classes, texts), classes.get(item.class_id)?.color, pageUrl(item.id));
}

const idle = () => form.hidden || (left !== null && left === queue.current);

function label(classId, source = "label") {
  if (idle()) {
    return;
  }
  const item = queue.current;
  const before = item.class_id;
  if (before === classId && page.queue === "wrong") {
    right(); // the label that it has, given again
    return;
  }
  let requestId = null; // a label that stays needs no request, but undo still leads back to its picture
  if (before !== classId) {
    requestId = saver.assign([{ imageId: item.id, version: item.version }], classId, source);
    setLabel(item, classId);
  }
  steps.push({ item, field: "label", requestId, before, after: classId });
  last = classId ?? last;
  note(item);
  pace.tick(queue.onlyUnlabelled ? counts.total - counts.labelled : 0);
  if (advance.checked) {
    go({ toOpen: true });
  } else {
    show();
  }
}

function mark(field, value, { leave = false } = {}) {
  if (idle()) {
    return;
  }
  const item = queue.current;
  const before = markOf(item, field);
  if (before !== value) {
    const sent = field === "checked" ? String(item.class_id) : value; // right is the class that was seen
    const requestId = saver.mark({ image_ids: [item.id] }, field, sent, "label");
    steps.push({ item, field, requestId, before, after: value });
    setValue(item, field, value);
    note(item);
  }
  if (leave) {
    go();
  } else {
    show();
  }
}

const exclude = (reason = "") => mark("excluded", reason, { leave: advance.checked });
const toggleExcluded = () => (queue.current.state === "active" ? exclude() : mark("excluded", null));
const toggleUnsure = () => mark("unsure", queue.current.unsure ? null : "");

// "The label is right" holds for this class: the picture is asked about no more until it gets another label.
const right = () => (queue.current.class_id === null ? toast(texts.right_none) : mark("checked", "", { leave: advance.checked }));

// In the queue of unlabelled images a skip is kept, so that everybody gets the others first.
function skip() {
  const item = queue.current;
  const kept = queue.onlyUnlabelled && item.class_id === null && item.state === "active";
  if (kept) {
    mark("skipped", "", { leave: true });
  } else if (!idle()) {
    go();
  }
}

// What is suggested is given like any other label; the history says that it was suggested.
function accept() {
  const classId = suggestions.of(queue.current);
  if (classId !== null) {
    label(classId, "suggestion");
  }
}

const undo = () => steps.undo();
const redo = () => steps.redo();

function back() {
  if (form.hidden || queue.back()) {
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
  const first = answer.images?.[0] ?? answer.marks?.[0];
  if (entry.body.of_request === null && first) {
    location.assign(pageUrl(first.image_id));
  }
});
saver.addEventListener("rejected", ({ detail: { entry, error } }) => {
  toast(error?.message ?? "", { error: true });
  const step = steps.drop(entry.body.request_id);
  if (step) {
    setValue(step.item, step.field, step.before);
    open(step.item);
  }
});
showState(saver, document.getElementById("save-state"), texts);
showConflicts(saver, document.getElementById("conflicts"), {
  texts,
  classes,
  describe: (imageId) => (queue.find(imageId) ?? seen.get(imageId))?.name ?? String(imageId),
  adopt: (conflicts, entry) => {
    steps.drop(entry.body.request_id);
    adopt(conflicts);
  },
  insist: (entry, conflicts) => {
    const [other] = conflicts; // this page changes one image at a time
    const after = entry.body.class_id;
    const requestId = saver.assign([{ imageId: other.image_id, version: other.version }], after, "label");
    const item = queue.find(other.image_id) ?? seen.get(other.image_id);
    if (item) {
      steps.push({ item, field: "label", requestId, before: other.class_id, after });
    }
    adopt([{ ...other, class_id: after }]);
  },
});

const pick = connectPicker(page.classes, label);
const askReason = connectReasons(exclude);
const askNote = connectNote((text) => mark("note", text));
const editNote = () => !form.hidden && askNote(queue.current.note);
const actions = {
  skip, back, undo, redo, same, pick, accept, none: () => label(null), exclude: toggleExcluded, reason: askReason, unsure: toggleUnsure, note: editNote, right: () => !form.hidden && right(),
};
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

connectKeys(page.classes, texts, stage, {
  ...actions, label, accept, exclude: toggleExcluded, onward: () => idle() || go(), reason: () => !form.hidden && askReason(),
});

// Labels and marks of an earlier visit that the server does not have yet.
for (const [imageId, classId] of saver.pending()) {
  const item = queue.find(imageId);
  if (item) {
    setLabel(item, classId);
  }
}
if (queue.onlyUnlabelled && queue.current.class_id !== null && saver.count && !named) {
  go({ toOpen: true });
} else {
  show();
}
queue.hold();
pace.begin(queue.onlyUnlabelled ? counts.total - counts.labelled : 0);
