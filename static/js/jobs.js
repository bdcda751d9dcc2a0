// The jobs page follows one event stream; the parts of the page come as HTML when they have changed.

import { morph } from "./morph.js";
import { follow } from "./stream.js";

const jobs = document.getElementById("jobs");
let { shown } = jobs.dataset; // digests of the parts

follow(
  () => `${jobs.dataset.events}?${new URLSearchParams({ after: shown })}`,
  {
    part: (event) => {
      const { name, html } = JSON.parse(event.data);
      morph(document.getElementById(`part-${name}`), html);
      shown = event.lastEventId;
    },
  },
  document.getElementById("jobs-lost"),
);
