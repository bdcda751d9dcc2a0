// Parts of a page that are folded away: those with data-keep-open stay as the reader left them, menus close by themselves.

const KEPT = "miwake.open.";

/** Connect every folded part of the page. */
export function connectDetails() {
  for (const part of document.querySelectorAll("details[data-keep-open]")) {
    keep(part, KEPT + part.dataset.keepOpen);
  }
  for (const menu of document.querySelectorAll("details.menu")) {
    closeByItself(menu);
  }
  for (const summary of document.querySelectorAll("details.menu > summary, details[data-keep-open] > summary")) {
    summary.addEventListener("pointerup", () => setTimeout(() => summary.blur())); // the next key is for the page
  }
}

function keep(part, name) {
  part.open = localStorage.getItem(name) !== null;
  part.addEventListener("toggle", () => {
    if (part.open) {
      localStorage.setItem(name, "1");
    } else {
      localStorage.removeItem(name);
    }
  });
}

function closeByItself(menu) {
  document.addEventListener("click", (event) => {
    const inside = event.target instanceof Node && menu.contains(event.target);
    if (!inside || event.target.closest("button")) {
      menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) {
      event.preventDefault(); // Escape closes the menu and nothing else
      menu.open = false;
    }
  }, true);
}
