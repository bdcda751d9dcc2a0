// Keys that the reader has changed, kept in this browser: first combination of a shortcut as delivered -> the one that
// replaces it. Everything else about shortcuts is in shortcuts.js.

const CHANGED = "miwake.keys";

function read() {
  try {
    return JSON.parse(localStorage.getItem(CHANGED) ?? "{}") ?? {};
  } catch {
    return {}; // written by something else: the keys are as delivered
  }
}

let changed = read();

function write() {
  if (Object.keys(changed).length) {
    localStorage.setItem(CHANGED, JSON.stringify(changed));
  } else {
    localStorage.removeItem(CHANGED);
  }
}

/** The combinations that a shortcut answers to now. */
export function keysOf(item) {
  const [first, ...more] = item.keys;
  const other = item.fixed ? undefined : changed[first];
  return other ? [other, ...more] : item.keys;
}

/** Give a shortcut another first combination. */
export function change(item, keys) {
  const { [item.keys[0]]: _old, ...others } = changed;
  changed = keys === item.keys[0] ? others : { ...others, [item.keys[0]]: keys };
  write();
}

/** True when a key was changed. */
export const anyChanged = () => Object.keys(changed).length > 0;

/** All keys as delivered. */
export function reset() {
  changed = {};
  write();
}

/** Show changed keys on the buttons of the page: `<kbd data-keys="KeyX">`. */
export function printOn(root, keyText) {
  for (const cap of root.querySelectorAll("kbd[data-keys]")) {
    cap.dataset.plain ??= cap.textContent;
    const other = changed[cap.dataset.keys];
    cap.textContent = other ? keyText(other) : cap.dataset.plain;
  }
}
