// Keyboard shortcuts: one definition per page acts on the keys and fills the overview that "?" opens.
//
// A definition is {keys, label, run, group?, when?, fixed?}. `keys` is a list of combinations of event.code names with optional
// "Shift+", "Ctrl+", "Alt+" in front, such as "Digit1", "Shift+KeyZ", "Ctrl+KeyZ" or "Slash"; a digit also answers to the
// number pad. Codes name places on the keyboard, so they work while a Japanese input method is on. "?" is asked for by
// its character, because it lies elsewhere on each keyboard. Ctrl also means Command. The reader may change the first
// combination of each (keymap.js), unless it is `fixed`.

import { keysOf } from "./keymap.js";

const SINGLE_KEYS_OFF = "miwake.single-keys-off"; // WCAG 2.1.4: single keys can be switched off
const NAMES = {
  Space: "Space", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Backspace: "⌫", Delete: "Del",
  Escape: "Esc", Enter: "Enter", Period: ".", Comma: ",", Slash: "/", Minus: "-", Equal: "+", BracketLeft: "[",
  BracketRight: "]", Question: "?", Home: "Home", End: "End", PageUp: "PgUp", PageDown: "PgDn",
};
const NUMBER_PAD = { NumpadEnter: "Enter", NumpadAdd: "Equal", NumpadSubtract: "Minus", NumpadDecimal: "Period", NumpadDivide: "Slash" };
/** All shortcuts of the page. */
export const definitions = [];

/** Make shortcuts known. Returns a function that takes them back. */
export function register(list) {
  definitions.push(...list);
  return () => {
    for (const item of list) {
      definitions.splice(definitions.indexOf(item), 1);
    }
  };
}

/** The combination for the key of a class as it is printed: "3", "Q" or "⇧3". */
export function classKey(printed) {
  const [shift, key] = printed.startsWith("⇧") ? ["Shift+", printed.slice(1)] : ["", printed];
  return shift + (/\d/.test(key) ? "Digit" : "Key") + key;
}

/** Those of `list` whose keys no class has: a class may have the letter of a command. */
export function besideClasses(classes, list) {
  const taken = new Set(classes.filter((item) => item.key).map((item) => classKey(item.key)));
  return list.filter((item) => !item.keys.some((key) => taken.has(key)));
}

/** Let single keys act, or not. */
export function setSingleKeys(on) {
  if (on) {
    localStorage.removeItem(SINGLE_KEYS_OFF);
  } else {
    localStorage.setItem(SINGLE_KEYS_OFF, "1");
  }
}

/** True when single keys act; the reader may have switched them off. */
export function singleKeys() {
  return localStorage.getItem(SINGLE_KEYS_OFF) === null;
}

/** True when the reader is typing, so that a key is text and not a command. */
export function isTyping(event) {
  if (event.isComposing || event.keyCode === 229) {
    // An input method is at work; 229 alone outside a text field still is a plain key with a code.
    return event.isComposing || isTextField(event.target);
  }
  return isTextField(event.target);
}

// A dialog that was closed a moment ago keeps the focus until the next frame; its fields and buttons take no more keys.
function isGone(element) {
  return element.closest("dialog:not([open])") !== null;
}

function isTextField(element) {
  if (!(element instanceof HTMLElement) || isGone(element)) {
    return false;
  }
  if (element.isContentEditable || element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement) {
    return true;
  }
  return element instanceof HTMLInputElement && !["checkbox", "radio", "button", "submit", "range", "color", "file"].includes(element.type);
}

/** The combination that is pressed, as definitions name it. */
export function combination(event) {
  if (event.key === "?" && !event.ctrlKey && !event.metaKey && !event.altKey) {
    return "Question";
  }
  const code = NUMBER_PAD[event.code] ?? event.code.replace("Numpad", "Digit");
  return (event.ctrlKey || event.metaKey ? "Ctrl+" : "") + (event.altKey ? "Alt+" : "") + (event.shiftKey ? "Shift+" : "") + code;
}

// Enter and Space belong to the button or link that has the focus.
function belongsToControl(event) {
  const element = event.target;
  if (!["Enter", "Space"].includes(event.code) || !(element instanceof HTMLElement) || isGone(element)) {
    return false;
  }
  return element.closest("a, button, summary, input, [role=button]") !== null;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || isTyping(event) || belongsToControl(event) || document.querySelector("dialog[open]")) {
    return;
  }
  const pressed = combination(event);
  const plain = !pressed.startsWith("Ctrl+") && !pressed.startsWith("Alt+") && pressed !== "Escape" && pressed !== "Question";
  if (plain && !singleKeys()) {
    return;
  }
  const found = definitions.findLast((item) => keysOf(item).includes(pressed) && (!item.when || item.when()));
  if (found && (found.repeat || !event.repeat)) {
    event.preventDefault();
    found.run(event);
  }
});

/** The text of a combination as it stands on the keys. */
export function keyText(keys) {
  const parts = keys.split("+");
  const last = parts.pop();
  const name = NAMES[last] ?? last.replace(/^(Digit|Key)/, "");
  return [...parts, name].join(" ");
}
