// The form of a training: sliders beside the numbers, and everything that depends on the values drawn again by the
// server 150 ms after the last change. Without this module the same is there by the button "Show with these values".

import { paint } from "./colors.js";

const WAIT = 150;
const form = document.getElementById("recipe");
const trouble = document.getElementById("preview-trouble");
let timer = 0;
let running = null;

/** The address of this page with the present values: it can be kept, sent and opened again. */
function address() {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (name !== "request") {
      query.set(name, value);
    }
  }
  return `${form.dataset.page}?${query}`;
}

function connectSliders() {
  for (const slider of form.querySelectorAll("input[type=range][data-for]")) {
    const number = document.getElementById(slider.dataset.for);
    slider.hidden = false;
    slider.addEventListener("input", () => {
      number.value = slider.value;
    });
    number.addEventListener("input", () => {
      slider.value = number.value.normalize("NFKC");
    });
  }
}

/** Pictures are loaded before they are shown, so that the strip never flickers; a missing one stays as it is. */
function loaded(part) {
  const waits = [...part.querySelectorAll("img")].map((image) => image.decode().then(() => true, () => false));
  return Promise.all(waits).then((results) => results.every(Boolean));
}

async function replace(part, fresh, signal) {
  const made = document.importNode(fresh, true);
  const holder = document.createElement("div");
  holder.append(...made.childNodes);
  const complete = part.id !== "preview" || (await loaded(holder));
  if (signal.aborted) {
    return complete;
  }
  const opened = [...part.querySelectorAll("details[open][id]")].map((details) => details.id);
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  part.replaceChildren(...holder.childNodes);
  document.getElementById(focused)?.focus();
  for (const id of opened) {
    document.getElementById(id)?.setAttribute("open", "");
  }
  paint(part);
  return complete;
}

function showErrors(page) {
  for (const message of page.querySelectorAll(".field-error[id]")) {
    const here = document.getElementById(message.id);
    const control = document.getElementById(message.id.replace(/-error$/, ""));
    if (here && control) {
      here.textContent = message.textContent;
      here.hidden = message.hidden;
      control.toggleAttribute("aria-invalid", false);
      if (!message.hidden) {
        control.setAttribute("aria-invalid", "true");
        control.closest("details")?.setAttribute("open", ""); // a part that is folded up hides why nothing is worked out
      }
    }
  }
}

/** Draw everything again for the present values; `more` is added to the address that is asked, not to the one kept. */
async function refresh(more = "") {
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  const preview = document.getElementById("preview");
  preview.classList.add("busy");
  try {
    const answer = await fetch(address() + more, { headers: { Accept: "text/html" }, signal });
    if (!answer.ok) {
      throw new Error(`status ${answer.status}`);
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    let complete = true;
    for (const part of document.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(part.id);
      if (fresh && !signal.aborted) {
        complete = (await replace(part, fresh, signal)) && complete;
      }
    }
    if (signal.aborted) {
      return;
    }
    showErrors(page);
    tell(!complete);
    history.replaceState(null, "", address());
    preview.dataset.version = String(Number(preview.dataset.version ?? 0) + 1);
  } catch (error) {
    if (error.name !== "AbortError") {
      tell(true);
    }
  } finally {
    if (!signal.aborted) {
      preview.classList.remove("busy");
    }
  }
}

function tell(failed) {
  trouble.textContent = failed ? trouble.dataset.text : "";
  trouble.hidden = !failed;
}

function soon() {
  running?.abort(); // an answer for the values before would take this change back
  clearTimeout(timer);
  timer = setTimeout(refresh, WAIT);
}

/** The chooser of the picture: one by chance, and Enter in the search takes the first that fits. */
function connectChooser() {
  document.getElementById("another")?.addEventListener("click", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    refresh("&another=1");
  });
  document.getElementById("seek")?.addEventListener("keydown", async (event) => {
    if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) {
      return;
    }
    event.preventDefault(); // it would start the training
    clearTimeout(timer);
    await refresh();
    const first = document.querySelector("#examples .fits input");
    if (first && !first.checked) {
      first.checked = true;
      soon();
    }
  });
}

function connectButtons() {
  document.getElementById("shuffle")?.addEventListener("click", (event) => {
    event.preventDefault();
    form.elements.namedItem("draw")[0].value = String(Math.floor(Math.random() * 2 ** 31));
    soon();
  });
  const show = document.getElementById("show-preview");
  if (show) {
    show.hidden = true;
  }
}

/** Whether a value differs from the page as it came: changed before this module ran, or put back by the browser. */
function touched() {
  return [...form.elements].some((control) => {
    if (control.name === "name" || control.name === "request") {
      return false;
    }
    if (control.options) {
      return [...control.options].some((option) => option.selected !== option.defaultSelected);
    }
    return control.type === "checkbox" || control.type === "radio"
      ? control.checked !== control.defaultChecked
      : "defaultValue" in control && control.type !== "hidden" && control.value !== control.defaultValue;
  });
}

connectSliders();
connectButtons();
connectChooser();
form.addEventListener("input", (event) => {
  if (event.target.name !== "name") {
    soon();
  }
});
if (touched()) {
  soon();
}
