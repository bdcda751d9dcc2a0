// The jobs page follows one event stream; the parts of the page come as HTML when they have changed.

import { morph } from "./morph.js";

const jobs = document.getElementById("jobs");
const lost = document.getElementById("jobs-lost");
const query = new URLSearchParams({ after: jobs.dataset.shown });
const source = new EventSource(`${jobs.dataset.events}?${query}`);

source.addEventListener("open", () => {
  lost.hidden = true;
});
source.addEventListener("error", () => {
  lost.hidden = false;
});
source.addEventListener("part", (event) => {
  const { name, html } = JSON.parse(event.data);
  morph(document.getElementById(`part-${name}`), html);
});
// A page that the browser keeps for its back button must not hold a connection; when it is shown again it is read anew.
addEventListener("pagehide", () => source.close());
addEventListener("pageshow", (event) => {
  if (event.persisted) {
    location.reload();
  }
});
