// What a page shows of its saver: the state of saving, and labels that somebody else changed first.

/** `text` with its {name} places filled. */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_all, name) => values[name]);
}

/** The data block `id` of the page. */
export function data(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

/** Keep `place` showing whether everything is saved. */
export function showState(saver, place, texts) {
  let late = 0;
  saver.addEventListener("state", ({ detail: { state, count, stored } }) => {
    clearTimeout(late);
    place.dataset.state = state;
    const text = state === "waiting" ? (stored ? texts.waiting : texts.waiting_here) : texts[state];
    if (state === "saving") {
      late = setTimeout(() => (place.textContent = fill(text, { count })), 400); // quick saves do not flicker
    } else {
      place.textContent = fill(text, { count });
    }
  });
}

/**
 * Show conflicts in `place`: both values and a button for each.
 *
 * `classes` maps ids to {name}; `describe(imageId)` gives a name; `adopt(conflicts)` shows their labels in the page and is
 * called at once; `insist(entry, conflicts)` sends ours again, now knowing theirs.
 */
export function showConflicts(saver, place, { texts, classes, describe, adopt, insist }) {
  const className = (id) => (id === null ? texts.none : classes.get(id)?.name ?? "?");
  saver.addEventListener("conflict", ({ detail: { entry, conflicts, error } }) => {
    adopt(conflicts, entry);
    const box = document.createElement("div");
    box.className = "notice warning conflict";
    const text = document.createElement("span");
    box.append(text);
    const mine = entry.body.class_id;
    if (entry.kind !== "assign") {
      text.textContent = error.message;
      box.append(button("×", () => box.remove()));
    } else if (conflicts.length === 1) {
      const [other] = conflicts;
      const theirs = className(other.class_id);
      const values = { name: describe(other.image_id), mine: className(mine), theirs, actor: other.actor ?? texts.somebody };
      text.textContent = fill(texts.conflict, values);
      box.append(button(fill(texts.keep_theirs, { name: theirs }), () => box.remove()));
      box.append(button(fill(texts.use_mine, { name: className(mine) }), () => (box.remove(), insist(entry, conflicts))));
    } else {
      text.textContent = fill(texts.conflicts, { count: conflicts.length });
      box.append(button(texts.keep_all, () => box.remove()));
      box.append(button(texts.use_all, () => (box.remove(), insist(entry, conflicts))));
    }
    place.append(box);
  });
}

/** Say in `place` that somebody replaced labels of this reader: `other` is {actor, count}. */
export function showReplaced(place, other, texts, history) {
  const box = document.createElement("div");
  box.className = "notice warning conflict";
  const text = document.createElement("span");
  text.textContent = fill(texts.replaced, other);
  const link = document.createElement("a");
  link.href = history;
  link.textContent = texts.history;
  box.append(text, link, button("×", () => box.remove()));
  place.append(box);
}

function button(label, run) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "button small";
  made.textContent = label;
  made.addEventListener("click", run);
  return made;
}
