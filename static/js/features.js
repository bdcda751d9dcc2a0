// While a worker looks at the pictures: asks once a second how far it is, and shows the page again when it is over, or
// when what it shows is gone: the page then says so.

import { renew } from "./pressed.js";
import { fill } from "./save-view.js";

const card = document.querySelector("#features");
const number = new Intl.NumberFormat(document.documentElement.lang);

function show(now) {
  for (const name of ["done", "total"]) {
    card.querySelector(`[data-count="${name}"]`).textContent = number.format(now[name]);
  }
  const bar = card.querySelector("progress");
  bar.max = now.total || 1;
  bar.value = now.done;
  const left = card.querySelector("[data-left]");
  left.textContent =
    now.seconds_left > 60 ? fill(left.dataset.text, { minutes: number.format(Math.ceil(now.seconds_left / 60)) }) : "";
}

async function ask() {
  const answer = await fetch(card.dataset.state, { headers: { Accept: "application/json" } }).catch(() => null);
  const now = answer?.ok ? await answer.json() : null;
  if (now?.over || answer?.status === 404) {
    renew(location.href);
    return;
  }
  if (now) {
    show(now);
  }
  setTimeout(ask, 1000);
}

if (card) {
  setTimeout(ask, 1000);
}
