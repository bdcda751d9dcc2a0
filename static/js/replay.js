// Another way of stopping: what would have come of it is drawn again while a value is moved.

import { become } from "./morph.js";

const WAIT = 80;
const form = document.getElementById("replay-form");
const slider = document.getElementById("patience-slider");
const patience = document.getElementById("f-patience");
let timer = 0;
let asked = 0;

async function refresh() {
  asked += 1;
  const mine = asked;
  const address = `${form.action}?${new URLSearchParams(new FormData(form))}`;
  const answer = await fetch(address, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer || mine !== asked) {
    return;
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("replay");
  if (fresh && mine === asked) {
    become(document.getElementById("replay"), fresh);
    history.replaceState(null, "", address);
  }
}

slider.hidden = false;
document.getElementById("replay-show").hidden = true;
slider.addEventListener("input", () => {
  patience.value = slider.value;
});
patience.addEventListener("input", () => {
  slider.value = patience.value;
});
form.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(refresh, WAIT);
});
