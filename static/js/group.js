// The table of trainings that were started together: shown anew every three seconds until all of them have ended.

import { become } from "./morph.js";

const WAIT = 3000;
const group = document.getElementById("group");

async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (answer?.ok) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("group");
    become(group, fresh);
    group.dataset.finished = fresh.dataset.finished;
  }
  later();
}

function later() {
  if (!group.dataset.finished) {
    setTimeout(refresh, WAIT);
  }
}

later();
