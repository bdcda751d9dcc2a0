// The page that asks a run about one picture: chosen, dropped, pasted, or an image of the project.
//
// A question and its answer are one request. While nothing is asked, the models are loaded.

import { paint } from "./colors.js";
import { HeatView } from "./heat-view.js";
import { data } from "./save-view.js";
import { register } from "./shortcuts.js";
import { toast } from "./toast.js";

const page = data("try-data");
const place = document.getElementById("answer");
const drop = document.getElementById("try-drop");
const input = document.getElementById("try-picture");
const views = document.getElementById("try-views");
const heat = new HeatView(place);
let question = 0; // the newest one; answers of older ones are not shown
let started = 0; // when it was asked; 0 as long as nothing was
let asked = null; // what it was

const PATIENCE_MS = 1200; // after this long it is said what is being waited for

async function send(address, options = {}) {
  const response = await fetch(address, { ...options, headers: { Accept: "application/json", "HX-Request": "true" } });
  if (!response.ok) {
    const { error } = await response.json();
    throw new Error(error?.message ?? page.failed);
  }
  return response.text();
}

function show(html) {
  place.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
  arrange();
}

function arrange() {
  paint(place);
  const state = place.querySelector(".try-state");
  if (!state) {
    return;
  }
  heat.arrange();
  const form = place.querySelector(".try-again");
  form?.addEventListener("change", () => ask(new FormData(form)));
  history.replaceState(null, "", `${page.page}?job=${state.dataset.job}`);
  if (["queued", "running"].includes(state.dataset.state)) {
    follow(state.dataset.wait, true);
  }
}

/** Show another part of an answer, or wait for one that did not come in its own request. */
async function follow(address, waits = false) {
  const mine = question;
  try {
    const html = await send(address);
    if (mine === question) {
      show(html);
      if (waits) {
        took();
      }
    }
  } catch (error) {
    toast(error.message || page.failed, { error: true });
  }
}

async function ask(body) {
  question += 1;
  asked = body;
  body.set("views", views.value);
  const mine = question;
  started = performance.now();
  place.setAttribute("aria-busy", "true");
  const slow = setTimeout(() => toast(page.loading), PATIENCE_MS);
  try {
    const html = await send(page.ask, { method: "POST", body });
    if (mine === question) {
      show(html);
      seen();
      took();
    }
  } catch (error) {
    toast(error instanceof TypeError ? page.failed : error.message, { error: true });
    asked = mine === question ? null : asked;
  }
  clearTimeout(slow);
  if (mine === question) {
    place.removeAttribute("aria-busy");
  }
}

/** On a phone the answer is below the pictures. */
function seen() {
  if (place.getBoundingClientRect().top > window.innerHeight * 0.6) {
    place.scrollIntoView({ block: "start" });
  }
}

/** Say how long it took, once its pictures are there too. */
async function took() {
  const line = place.querySelector("#try-took");
  if (!line || !started) {
    return;
  }
  await Promise.allSettled([...place.querySelectorAll("img")].map((image) => image.decode()));
  const seconds = ((performance.now() - started) / 1000).toLocaleString(document.documentElement.lang, {
    minimumFractionDigits: 2, maximumFractionDigits: 2,
  });
  line.textContent = `${page.took.replace("{seconds}", seconds)} ·`;
  line.dataset.milliseconds = String(Math.round(performance.now() - started));
}

function askFile(file) {
  if (!file) {
    return;
  }
  if (file.size > page.limit) {
    toast(page.tooLarge, { error: true });
    return;
  }
  unmark();
  const body = new FormData();
  body.append("picture", file, file.name || "pasted.png");
  ask(body);
}

function askImage(button) {
  unmark();
  button.setAttribute("aria-current", "true");
  const body = new FormData();
  body.append("image", button.value);
  ask(body);
}

function unmark() {
  document.querySelector(".try-tile[aria-current]")?.removeAttribute("aria-current");
}

function connectFile() {
  input.addEventListener("change", () => {
    askFile(input.files[0]);
    input.value = ""; // the same file may be chosen again
  });
  for (const type of ["dragenter", "dragover"]) {
    document.addEventListener(type, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const type of ["dragleave", "drop"]) {
    document.addEventListener(type, () => drop.classList.remove("over"));
  }
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    askFile(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => askFile(event.clipboardData.files[0]));
}

function connectImages() {
  document.getElementById("try-file").addEventListener("submit", (event) => {
    event.preventDefault();
    if (event.submitter?.name === "image") {
      askImage(event.submitter);
    }
  });
  const filter = document.querySelector(".try-filter");
  filter.querySelector("select").addEventListener("change", () => filter.requestSubmit());
}

/**
 * Another choice of views asks about the same picture again, which is the one that is being asked about if there is
 * one. It holds for what is asked after a search, too.
 */
function connectViews() {
  views.addEventListener("change", () => {
    document.querySelector(".try-filter").elements.views.value = views.value;
    for (const link of document.querySelectorAll(".try-pager a")) {
      const address = new URL(link.href);
      address.searchParams.set("views", views.value);
      link.href = address;
    }
    const form = place.querySelector(".try-again");
    const body = form && !place.hasAttribute("aria-busy") ? new FormData(form) : asked;
    if (body) {
      ask(body);
    }
  });
}

function connectAnswer() {
  place.addEventListener("click", (event) => {
    const link = event.target.closest(".try-swap");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) {
      return;
    }
    event.preventDefault();
    const wanted = new URL(link.href).searchParams;
    const address = new URL(place.querySelector(".try-state").dataset.part, location.href);
    for (const name of ["position", "own"]) {
      if (wanted.has(name)) {
        address.searchParams.set(name, wanted.get(name));
      }
    }
    follow(address);
  });
}

function begin() {
  if (page.image) {
    const body = new FormData();
    body.append("image", String(page.image));
    ask(body);
  } else {
    send(page.prepare, { method: "POST" }).catch(() => {}); // the first question loads them then
  }
}

connectFile();
connectImages();
connectViews();
connectAnswer();
register([{ keys: ["KeyH"], group: page.keys, label: page.heat, run: () => heat.toggle() }]);
arrange();
begin();
