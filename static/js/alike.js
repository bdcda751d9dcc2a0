// The training pictures most like the one that is shown, asked for when the reader stays with it: looking through the
// features of a large project takes longer than a key.

import { paint } from "./colors.js";

const DWELL_MS = 200;

/** Fill the part of `place` that names their address; the link that is in it stays when they cannot be had. */
export function connectAlike(place) {
  const part = place.querySelector("[data-alike]");
  setTimeout(() => {
    if (part.isConnected) {
      load(part);
    }
  }, DWELL_MS);
}

async function load(part) {
  try {
    const answer = await fetch(part.dataset.alike, { headers: { "HX-Request": "true" } });
    if (!answer.ok) {
      return;
    }
    const made = new DOMParser().parseFromString(await answer.text(), "text/html");
    part.replaceChildren(...made.body.childNodes);
    paint(part);
  } catch (error) {
    console.warn("The pictures most like this one cannot be had.", error);
  }
}
