// "Move to a split …": the dialog says beforehand what would move with the selection and what would stay.

import { newId } from "./saver.js";
import { toast } from "./toast.js";

const WAIT_MS = 200;

/**
 * Connect the dialog; returns a function that opens it. `chosen()` gives {image_ids} or {filter, shown};
 * `moved(requestId, text)` is told of a move that the server has carried out.
 */
export function connectMove(urls, { chosen, ready, broken, moved }) {
  const dialog = document.getElementById("move-dialog");
  const form = dialog.querySelector("form");
  const plan = document.getElementById("move-plan");
  const error = document.getElementById("move-error");
  const go = form.querySelector('[value="move"]');
  let requestId = newId();
  let asked = 0;
  let timer = 0;

  const body = () => {
    const { to, together, pattern, seconds } = Object.fromEntries(new FormData(form));
    const release = form.elements.release.checked;
    return { request_id: requestId, to: to === "none" ? null : to, together, pattern, seconds, release, ...chosen() };
  };

  async function send(url) {
    const headers = { "Content-Type": "application/json", Accept: "application/json" };
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body()) }).catch(() => null);
    const answer = await response?.json().catch(() => null);
    const problem = response?.ok ? "" : answer?.error?.message ?? broken;
    return { answer, problem, arrived: response !== null };
  }

  function show(sentences) {
    plan.replaceChildren(
      ...sentences.map((text) => {
        const line = document.createElement("p");
        line.textContent = text;
        return line;
      }),
    );
  }

  async function look() {
    const mine = ++asked;
    go.disabled = true;
    const { answer, problem } = await send(urls.plan);
    if (mine !== asked) {
      return; // something else was chosen meanwhile
    }
    error.textContent = problem;
    show(problem ? [] : answer.sentences);
    go.disabled = Boolean(problem) || !answer.moving;
  }

  function follow() {
    document.getElementById("move-release").hidden = form.elements.to.value === "test";
    go.disabled = true;
    asked += 1; // an answer on its way is about what was chosen before
    clearTimeout(timer);
    timer = setTimeout(look, WAIT_MS);
  }

  async function move() {
    go.disabled = true;
    const { answer, problem, arrived } = await send(urls.move);
    error.textContent = problem;
    go.disabled = false;
    if (!problem) {
      dialog.close();
      moved(requestId, answer.sentences?.join(" ") ?? "");
    }
    if (arrived) {
      requestId = newId(); // without an answer the same request is sent again
    }
  }

  // Something else is wanted: a request whose answer was lost must not stand for it.
  function anew() {
    requestId = newId();
    follow();
  }

  form.addEventListener("input", anew);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (event.submitter?.value === "cancel") {
      dialog.close();
    } else if (!go.disabled) {
      move().catch((problem) => toast(String(problem), { error: true }));
    }
  });
  return async () => {
    form.reset();
    error.textContent = "";
    show([]);
    dialog.showModal();
    await ready(); // labels on their way come first
    anew();
  };
}
