// Orders heat maps that have not been made, says how the job fares, and calls back when they are there.
//
// The map of the picture that is shown is ordered by itself: the answer comes in a fraction of a second.

const WAIT_SECONDS = 20; // that a request waits for the end of the job
const FEW = 4; // pictures up to which there is nothing to count
const DWELL_MS = 120; // a picture that is only passed by is not explained
const tried = new Set(); // addresses whose map was ordered already; what failed once is not ordered again by itself

/** Connect the form in `place`, if there is one; `item` is the picture that is shown. */
export function connectExplain(place, words, item, done) {
  const form = place.querySelector(".heat-missing");
  if (!form) {
    return;
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    order(form, new URLSearchParams(new FormData(form)), words, done);
  });
  const one = new URLSearchParams(new FormData(form));
  one.set("item", item);
  if (form.dataset.auto && !tried.has(String(one))) {
    setTimeout(() => {
      if (form.isConnected) {
        tried.add(String(one));
        order(form, one, words, done);
      }
    }, DWELL_MS);
  }
}

async function order(form, body, words, done) {
  const line = form.querySelector(".heat-state");
  form.querySelector("button").disabled = true;
  line.textContent = words.waiting;
  try {
    let now = await ask(`${form.action}?wait=2`, { method: "POST", body });
    while (!now.finished && form.isConnected) {
      line.textContent = now.workers ? words.waiting : words.noWorker;
      show(line, now);
      now = await ask(`${now.url}?wait=${now.total > FEW ? 1 : WAIT_SECONDS}`);
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

/** How many of many pictures are done. */
function show(line, { workers, done, total }) {
  if (workers && total > FEW) {
    const bar = document.createElement("progress");
    [bar.max, bar.value] = [total, done];
    line.append(" ", bar, ` ${done} / ${total}`);
  }
}

async function ask(url, options = {}) {
  const response = await fetch(url, { ...options, headers: { Accept: "application/json" } });
  const answer = await response.json();
  if (!response.ok) {
    throw new Error(answer.error?.message);
  }
  return answer;
}
