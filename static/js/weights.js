// Files of weights in the form of a training: a press asks a worker for one, and how far it is is shown every second.
// Without this module the buttons send the form, which comes back with what was typed.

import { become } from "./morph.js";

const EVERY_MS = 1000;
const form = document.getElementById("recipe");
const part = document.getElementById("weight-files");

const waiting = () => Boolean(part.querySelector("[data-waiting]"));

async function look() {
  const values = new FormData(form);
  const query = new URLSearchParams({ architecture: values.get("architecture"), needs: values.get("needs") });
  const answer = await fetch(`${part.dataset.url}?${query}`, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!answer?.ok) {
    return;
  }
  const before = waiting();
  const opened = part.querySelector("#weight-others")?.open;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  become(part, page.getElementById("weight-files"));
  part.querySelector("#weight-others")?.toggleAttribute("open", Boolean(opened));
  if (before !== waiting()) {
    form.dispatchEvent(new Event("input", { bubbles: true })); // the box before the start speaks of the file, too
  }
}

async function press(button) {
  const body = JSON.stringify({ needs: new FormData(form).get("needs") });
  const headers = { Accept: "application/json", "Content-Type": "application/json" };
  const answer = await fetch(button.formAction, { method: "POST", headers, body }).catch(() => null);
  await look();
  const trouble = document.getElementById("weights-trouble");
  const said = answer && !answer.ok ? (await answer.json().catch(() => null))?.error?.message : "";
  trouble.textContent = said ?? "";
  trouble.hidden = !said;
}

form.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-press]");
  if (button) {
    event.preventDefault();
    press(button);
  }
});

setInterval(() => {
  if (waiting()) {
    look();
  }
}, EVERY_MS);
