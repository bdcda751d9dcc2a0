// Short messages in the one polite live region of the page.

const SHOWN_MS = 10_000;
const AT_MOST = 4;
const closers = new WeakMap();
let closeOffer = () => {};

/** Close the message that has a button: what it offers was done, or cannot be done any more. */
export const withdraw = () => closeOffer();

/**
 * Show `text`. An error stays until it is closed. `action` is {label, run}: one button, such as Undo. Only the newest
 * message has one, because what it takes back is the newest change. The same sentence is shown once: the new one
 * takes the place of the old one.
 * Returns a function that closes the message.
 */
export function toast(text, { error = false, action = null } = {}) {
  const region = document.getElementById("toasts");
  for (const other of [...region.children]) {
    if (other.firstElementChild.textContent === text) {
      closers.get(other)();
    }
  }
  const item = document.createElement("div");
  item.className = error ? "toast error" : "toast";
  const message = document.createElement("span");
  message.textContent = text;
  item.append(message);
  let timer = 0;
  const close = () => {
    clearTimeout(timer);
    item.remove();
  };
  closers.set(item, close);
  if (action) {
    withdraw();
    closeOffer = close;
    item.append(button(action.label, () => {
      close();
      action.run();
    }));
  }
  const closer = button("×", close);
  closer.setAttribute("aria-label", region.dataset.close);
  item.append(closer);
  region.append(item);
  while (region.children.length > AT_MOST) {
    region.firstElementChild.remove();
  }
  const wait = () => {
    clearTimeout(timer);
    if (!error) {
      timer = setTimeout(close, SHOWN_MS);
    }
  };
  item.addEventListener("pointerenter", () => clearTimeout(timer));
  item.addEventListener("pointerleave", wait);
  item.addEventListener("focusin", () => clearTimeout(timer));
  item.addEventListener("focusout", wait);
  wait();
  return close;
}

function button(label, run) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.addEventListener("click", run);
  return made;
}
