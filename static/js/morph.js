// Makes a part of the page equal to new HTML by changing only what differs, so that the button that somebody is about
// to press, the focus, the selection and what was unfolded stay where they are.

import { between } from "./pressed.js";

export function morph(element, html) {
  become(element, new DOMParser().parseFromString(`<body>${html}</body>`, "text/html").body);
}

// The same with an element of another document in place of HTML.
export function become(element, wanted) {
  between(element, () => children(element, wanted));
}

function children(old, wanted) {
  let here = old.firstChild;
  for (const next of [...wanted.childNodes]) {
    const same = match(here, next);
    if (!same) {
      old.insertBefore(document.importNode(next, true), here);
      continue;
    }
    while (here !== same) {
      const after = here.nextSibling;
      here.remove();
      here = after;
    }
    node(same, next);
    here = same.nextSibling;
  }
  while (here) {
    const after = here.nextSibling;
    here.remove();
    here = after;
  }
}

// The old node that becomes `next`: the one with its id further on, or else the present one when it is of its kind.
function match(here, next) {
  if (next.id) {
    for (let other = here; other; other = other.nextSibling) {
      if (other.id === next.id) {
        return other;
      }
    }
    return null;
  }
  return here && !here.id && here.nodeType === next.nodeType && here.nodeName === next.nodeName ? here : null;
}

function node(old, next) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== next.nodeValue) {
      old.nodeValue = next.nodeValue;
    }
    return;
  }
  if (old.isEqualNode(next)) {
    return;
  }
  attributes(old, next);
  children(old, next);
}

function attributes(old, next) {
  for (const { name, value } of [...next.attributes]) {
    if (old.getAttribute(name) !== value) {
      old.setAttribute(name, value);
    }
  }
  for (const { name } of [...old.attributes]) {
    const unfolded = name === "open" && old.nodeName === "DETAILS";
    if (!next.hasAttribute(name) && !unfolded) {
      old.removeAttribute(name);
    }
  }
}
