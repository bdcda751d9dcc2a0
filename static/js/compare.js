// The compare page: walk through the pictures by key, see what each run said of them, correct a wrong label in place.

import { Corrections } from "./corrections.js";
import { connectExplain } from "./explain.js";
import { data } from "./save-view.js";
import { Walk } from "./walk.js";

const HEAT_OFF = "miwake.heat-off"; // the choice of the review page holds here too
const page = data("compare-data");
const words = data("compare-keys");
const place = document.getElementById("selected");
const walk = new Walk(place, words, arrange);
const corrections = new Corrections({ walk, place, page, texts: data("compare-texts"), words, changed: showChanged });

function arrange() {
  place.classList.toggle("heat-off", localStorage.getItem(HEAT_OFF) !== null);
  for (const view of place.querySelectorAll(".view")) {
    if (view.classList.contains("view-stretch")) {
      view.style.aspectRatio = view.dataset.ratio;
    }
    if (view.classList.contains("view-pad")) {
      view.style.backgroundColor = view.dataset.pad;
    }
  }
  for (const side of place.querySelectorAll(".compare-side")) {
    connectExplain(side, words, side.dataset.item, () => walk.reload());
  }
  corrections.arrange();
}

function toggleHeat() {
  if (place.classList.toggle("heat-off")) {
    localStorage.setItem(HEAT_OFF, "1");
  } else {
    localStorage.removeItem(HEAT_OFF);
  }
}

function showChanged(difference) {
  const bar = document.getElementById("changed-labels");
  bar.dataset.count = Number(bar.dataset.count) + difference;
  bar.hidden = Number(bar.dataset.count) <= 0 || bar.dataset.judge === "now";
}

corrections.connectKeys([{ keys: ["KeyH"], label: words.heat, run: toggleHeat }]);
const filter = document.querySelector("#pictures form");
filter.querySelector("button").hidden = true;
filter.addEventListener("change", () => filter.requestSubmit());
walk.arrange();
corrections.adoptPending();
