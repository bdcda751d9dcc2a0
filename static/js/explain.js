// Orders heat maps that have not been made, says how the job fares, and calls back when they are there.

const ASK_MS = 700;
const SLOW_MS = 5000; // while no worker is alive

/** Connect the form in `place`, if there is one. */
export function connectExplain(place, words, done) {
  const form = place.querySelector(".heat-missing");
  form?.addEventListener("submit", (event) => {
    event.preventDefault();
    form.querySelector("button").disabled = true;
    order(form, words, done);
  });
}

async function order(form, words, done) {
  const line = form.querySelector(".heat-state");
  line.textContent = words.waiting;
  try {
    const { url } = await ask(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    let now = await ask(url);
    while (!now.finished && form.isConnected) {
      line.textContent = now.workers ? words.waiting : words.noWorker;
      await new Promise((resolve) => setTimeout(resolve, now.workers ? ASK_MS : SLOW_MS));
      now = await ask(url);
    }
    if (now.state === "done" && form.isConnected) {
      done();
    } else {
      line.textContent = now.message || words.failed;
    }
  } catch (error) {
    line.textContent = error.message || words.failed;
  }
  form.querySelector("button").disabled = false;
}

async function ask(url, options = {}) {
  const response = await fetch(url, { ...options, headers: { Accept: "application/json" } });
  const answer = await response.json();
  if (!response.ok) {
    throw new Error(answer.error?.message);
  }
  return answer;
}
