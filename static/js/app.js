// What every page does: theme switch, class colours, the overview of keys, folded parts, forms that are safe with an input method or are sent once.

import { paint } from "./colors.js";
import { connectDetails } from "./details.js";
import { connectOverview } from "./key-overview.js";

const THEMES = ["auto", "light", "dark"];
const YEAR = 365 * 24 * 3600;

function connectTheme() {
  const button = document.getElementById("theme");
  const root = document.documentElement;
  const name = () => {
    const text = button.dataset[root.dataset.theme];
    button.title = text;
    button.setAttribute("aria-label", text);
  };
  button.addEventListener("click", () => {
    root.dataset.theme = THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length];
    document.cookie = `theme=${root.dataset.theme};path=/;max-age=${YEAR};samesite=lax`;
    name();
    document.dispatchEvent(new CustomEvent("themechange")); // charts on a canvas draw themselves again
  });
  name();
  button.hidden = false;
}

// Enter also ends a Japanese conversion. Safari reports that Enter after the composition has ended, with code 229.
function guardInputMethod() {
  document.addEventListener("keydown", (event) => {
    const inside = event.target instanceof HTMLElement && event.target.closest("form[data-ime-guard]");
    if (inside && event.key === "Enter" && (event.isComposing || event.keyCode === 229)) {
      event.preventDefault();
    }
  }, true);
}

// A colour or a key is complete once it is chosen; a name is sent with Enter or the button.
function saveOnChange() {
  for (const form of document.querySelectorAll("form[data-save-on-change]")) {
    form.addEventListener("change", (event) => {
      if (event.target.matches("select, input[type=color]")) {
        form.requestSubmit();
      }
    });
  }
}

// A second click while the first is still on its way would make a second project.
function sendOnce() {
  for (const form of document.querySelectorAll("form[data-once]")) {
    let sent = false;
    form.addEventListener("submit", (event) => {
      if (sent) event.preventDefault();
      sent = true;
    });
    window.addEventListener("pageshow", () => { sent = false; }); // back on this page
  }
}

connectTheme();
guardInputMethod();
sendOnce();
saveOnChange();
connectOverview();
connectDetails();
paint();
document.querySelector("[aria-invalid=true]")?.focus();
// On a phone the navigation is wider than the screen; the current page must be in sight.
document.querySelector(".project-nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
