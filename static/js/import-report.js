// The report of an import that a worker is busy with: asks once a second how far it is, and shows the whole page
// again when it is over.

import { renew } from "./pressed.js";
import { Rate, fill, span } from "./upload-view.js";

const card = document.querySelector("#progress");
const speed = new Rate();

/** How fast the worker is and how long it will take; nothing before it has begun. */
function pace({ done, total }) {
  const line = document.querySelector("#progress-rate");
  speed.add(done);
  const rate = speed.perSecond;
  if (!(rate > 0) || !total) return;
  const time = span((total - done) / rate, line.dataset);
  line.textContent = fill(line.dataset.text, { rate: Math.round(rate), time });
}

function show(now) {
  for (const [name, value] of Object.entries(now)) {
    for (const place of document.querySelectorAll(`[data-count="${name}"]`)) place.textContent = value ?? "…";
  }
  const bar = card.querySelector("progress");
  bar.max = now.total || 1;
  bar.value = now.done;
  document.querySelector("#no-worker").hidden = !now.waiting;
}

/** The newest pictures, in the place of those that were shown. */
function pictures(addresses) {
  const strip = document.querySelector("#pictures");
  const shown = [...strip.querySelectorAll("img")].map((picture) => picture.getAttribute("src"));
  if (addresses.every((address, place) => address === shown[place])) return;
  const make = (address) => Object.assign(document.createElement("img"), { src: address, alt: "", width: 64, height: 64 });
  strip.replaceChildren(...addresses.map(make));
}

async function ask() {
  try {
    const answer = await fetch(card.dataset.status, { headers: { Accept: "application/json" } });
    if (answer.ok) {
      const now = await answer.json();
      if (now.over) return renew();
      show(now);
      pictures(now.pictures);
      pace(now);
    }
  } catch {
    // The server does not answer just now; it is asked again.
  }
  return setTimeout(ask, 1000);
}

if (card) setTimeout(ask, 1000);
