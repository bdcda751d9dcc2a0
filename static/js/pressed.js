// What changes a page by itself waits while somebody presses a button: one that went away between the press and the
// release would never be clicked, and a page that is loaded anew would stop the form or the link that is on its way.

const PRESSED = "button, a[href], summary";
const LEAVING_MS = 5000; // for the answer to a form; a download ends without a new page
const waiting = new Map(); // what is to change -> how
let pressed = false;
let leaving = 0; // the timer that ends it

// The newest change of each thing counts.
export function between(thing, change) {
  waiting.set(thing, change);
  settle();
}

// The page is loaded anew, or another one in its place.
export const renew = (address) => between("page", () => (address ? location.replace(address) : location.reload()));

function settle() {
  if (pressed || leaving) {
    return;
  }
  const changes = [...waiting.values()];
  waiting.clear();
  changes.forEach((change) => change());
}

addEventListener("pointerdown", (event) => {
  pressed = event.button === 0 && Boolean(event.target.closest?.(PRESSED));
});
for (const end of ["pointerup", "pointercancel"]) {
  addEventListener(end, () => {
    setTimeout(() => {
      pressed = false;
      settle();
    }); // the click comes before it
  });
}
addEventListener("submit", (event) => {
  if (!event.defaultPrevented) {
    leave();
  }
});
addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const here = link && !link.target && !event.ctrlKey && !event.metaKey && !event.shiftKey;
  if (here && !event.defaultPrevented && !link.getAttribute("href").startsWith("#")) {
    leave();
  }
});

function leave() {
  clearTimeout(leaving);
  leaving = setTimeout(() => {
    leaving = 0;
    settle();
  }, LEAVING_MS);
}
