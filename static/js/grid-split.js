// "New class …": the selection becomes a new class, as one change that the history can take back.

import { newId } from "./saver.js";
import { toast } from "./toast.js";

/** Connect the dialog; returns a function that opens it. `chosen()` gives {image_ids} or {filter, shown}. */
export function connectSplit(url, { chosen, ready, broken }) {
  const dialog = document.getElementById("split-dialog");
  const input = document.getElementById("split-name");
  const error = document.getElementById("split-error");
  let requestId = newId();

  async function send() {
    error.textContent = "";
    await ready(); // labels on their way come first
    const body = JSON.stringify({ request_id: requestId, name: input.value, ...chosen() });
    const headers = { "Content-Type": "application/json", Accept: "application/json" };
    const response = await fetch(url, { method: "POST", headers, body }).catch(() => null);
    if (response?.ok) {
      location.reload();
      return;
    }
    const answer = await response?.json().catch(() => null);
    error.textContent = answer?.error?.message ?? broken;
    if (response) {
      requestId = newId(); // without an answer the same request is sent again
    }
  }

  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (event.submitter?.value === "cancel") {
      dialog.close();
    } else {
      send().catch((problem) => toast(String(problem), { error: true }));
    }
  });
  return () => {
    input.value = "";
    error.textContent = "";
    dialog.showModal();
    input.focus();
  };
}
