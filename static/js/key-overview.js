// The overview that "?" opens: every shortcut of the page; a click on a key changes it for this browser.

import { anyChanged, change, keysOf, printOn, reset } from "./keymap.js";
import { combination, definitions, keyText, register, setSingleKeys, singleKeys } from "./shortcuts.js";

/** Fill the overview and connect its button, its dialog, the switch for single keys and the change of keys. */
export function connectOverview() {
  const dialog = document.getElementById("keys-dialog");
  const opener = document.getElementById("keys-button");
  const general = dialog.dataset.general;
  const open = () => {
    fill(document.getElementById("keys-list"), general);
    dialog.showModal();
  };
  register([
    { keys: ["Question"], fixed: true, label: dialog.dataset.help, group: general, run: open },
    { keys: ["Escape"], fixed: true, label: dialog.dataset.close, group: general, when: () => false, run: () => {} },
  ]);
  opener.hidden = false;
  opener.addEventListener("click", open);
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) {
      dialog.close(); // a click beside the dialog
    }
  });
  const box = document.getElementById("keys-single");
  box.checked = singleKeys();
  box.addEventListener("change", () => setSingleKeys(box.checked));
  const again = document.getElementById("keys-reset");
  again.addEventListener("click", () => {
    reset();
    refresh(dialog);
  });
  dialog.addEventListener("click", (event) => {
    const row = event.target.closest("button[data-shortcut]");
    if (row) {
      ask(dialog, row);
    }
  });
  printOn(document, keyText);
}

let waiting = null; // ends the question that is open

// The next combination becomes the key; Escape leaves it as it is.
function ask(dialog, row) {
  waiting?.();
  const item = definitions[Number(row.dataset.shortcut)];
  const note = document.getElementById("keys-note");
  note.textContent = dialog.dataset.press.replace("{name}", item.label);
  row.classList.add("asking");
  const listen = (event) => {
    event.preventDefault();
    event.stopPropagation();
    const pressed = combination(event);
    if (/(Shift|Control|Alt|Meta)(Left|Right)$/.test(pressed)) {
      return; // a modifier alone; the key follows
    }
    if (pressed !== "Escape") {
      take(dialog, item, pressed, note);
    } else {
      note.textContent = "";
    }
    waiting();
  };
  waiting = () => {
    removeEventListener("keydown", listen, true);
    row.classList.remove("asking");
    waiting = null;
  };
  addEventListener("keydown", listen, true);
  dialog.addEventListener("close", () => waiting?.(), { once: true });
}

function take(dialog, item, pressed, note) {
  const owner = definitions.find((other) => other !== item && keysOf(other).includes(pressed));
  if (owner) {
    note.textContent = dialog.dataset.taken.replace("{key}", keyText(pressed)).replace("{name}", owner.label || "–");
    return;
  }
  change(item, pressed);
  note.textContent = "";
  refresh(dialog);
}

function refresh(dialog) {
  fill(document.getElementById("keys-list"), dialog.dataset.general);
  printOn(document, keyText);
}

function fill(list, general) {
  document.getElementById("keys-reset").hidden = !anyChanged();
  const groups = new Map();
  for (const item of definitions.filter((one) => one.label)) {
    const group = item.group ?? document.title.split(" · ")[0];
    groups.set(group, [...(groups.get(group) ?? []), item]);
  }
  const order = [...groups].sort(([one], [other]) => (one === general) - (other === general));
  list.replaceChildren(...order.map(([title, items]) => section(title, items)));
}

function changer(item, cap) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "key-change";
  made.dataset.shortcut = definitions.indexOf(item);
  made.title = document.getElementById("keys-dialog").dataset.change;
  made.setAttribute("aria-label", `${made.title}: ${item.label}, ${cap.textContent}`);
  made.append(cap);
  return made;
}

function section(title, items) {
  const part = document.createElement("section");
  part.className = "keys-group";
  const heading = document.createElement("h3");
  heading.textContent = title;
  const rows = document.createElement("dl");
  for (const item of items) {
    const row = document.createElement("div");
    const term = document.createElement("dt");
    keysOf(item).forEach((keys, index) => {
      const cap = document.createElement("kbd");
      cap.textContent = keyText(keys);
      term.append(...(index ? [" "] : []), index || item.fixed ? cap : changer(item, cap));
    });
    const text = document.createElement("dd");
    text.textContent = item.label;
    row.append(term, text);
    rows.append(row);
  }
  part.append(heading, rows);
  return part;
}
