// While a worker checks the pictures: asks once a second how far it is, and shows the page again when it is over.

import { renew } from "./pressed.js";

const card = document.querySelector("#check");

function show(now) {
  for (const name of ["done", "total"]) {
    for (const place of card.querySelectorAll(`[data-count="${name}"]`)) place.textContent = now[name].toLocaleString();
  }
  const bar = card.querySelector("progress");
  bar.max = now.total || 1;
  bar.value = now.done;
}

async function ask() {
  try {
    const answer = await fetch(card.dataset.state, { headers: { Accept: "application/json" } });
    if (answer.ok) {
      const now = await answer.json();
      if (now.over) return renew(location.pathname);
      show(now);
    }
  } catch {
    // The server does not answer just now; it is asked again.
  }
  return setTimeout(ask, 1000);
}

if (card) setTimeout(ask, 1000);
