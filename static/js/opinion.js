// A second opinion: the key of a class sends it.

import { data } from "./save-view.js";
import { classKey, register } from "./shortcuts.js";

const form = document.getElementById("opinion-form");
let sent = false;

form.addEventListener("submit", (event) => {
  if (sent) {
    event.preventDefault(); // a second key while the next picture is on its way
  }
  sent = true;
});
addEventListener("pageshow", () => (sent = false)); // back on a page that the browser kept
register(
  data("opinion-data").classes.filter((item) => item.key).map((item) => ({
    keys: [classKey(item.key)], fixed: true, label: item.name,
    run: () => form.requestSubmit(form.querySelector(`button[value="${item.id}"]`)),
  })),
);
