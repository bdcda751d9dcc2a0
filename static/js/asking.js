// While a worker makes suggestions and there is no picture to label yet: the page is shown again once they are there.

import { renew } from "./pressed.js";

const EVERY_MS = 2000;

async function look() {
  const answer = document.hidden ? null : await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (answer && !answer.ok && answer.status < 500) return; // what a refused form left here has no address to look at
  const page = answer?.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
  if (page && !page.getElementById("asking-job")) {
    renew();
    return;
  }
  setTimeout(look, EVERY_MS);
}

setTimeout(look, EVERY_MS);
