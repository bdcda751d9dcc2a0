// While a worker is busy for a part of the page, the part is fetched again once a second and put in place.
//
// What somebody reads or types there is left alone: nothing is replaced while the focus is within.

import { paint } from "./colors.js";

const EVERY_MS = 1000;

async function look() {
  const waiting = [...document.querySelectorAll("[data-refresh]")].filter((part) => part.querySelector("[data-waiting]"));
  if (!waiting.length) {
    return;
  }
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (answer?.ok) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of waiting) {
      const fresh = page.getElementById(part.id);
      if (fresh && !part.contains(document.activeElement)) {
        part.replaceChildren(...fresh.childNodes);
        paint(part);
      }
    }
  }
  setTimeout(look, EVERY_MS);
}

setTimeout(look, EVERY_MS);
