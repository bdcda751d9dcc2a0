// What changes a page by itself waits while somebody presses a button: one that went away between the press and the
// release would never be clicked, and a page that is loaded anew while a form is on its way would hold it up.

const PRESSED = "button, a[href], summary";
const LEAVING_MS = 5000; // for the answer to a form; a download ends without a new page
const waiting = new Map(); // what is to change -> how
let pressed = false;
let leaving = false;

// The newest change of each thing counts.
export function between(thing, change) {
  waiting.set(thing, change);
  settle();
}

function settle() {
  if (pressed || leaving) {
    return;
  }
  const changes = [...waiting.values()];
  waiting.clear();
  changes.forEach((change) => change());
}

addEventListener("pointerdown", (event) => {
  pressed = Boolean(event.target.closest?.(PRESSED));
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
    leaving = true;
    setTimeout(() => {
      leaving = false;
      settle();
    }, LEAVING_MS);
  }
});
