// The order of the classes: a handle is dragged, or moved with the arrow keys. The form that does it is that of the
// buttons "up" and "down"; the page comes back with the cursor on the same handle.

const list = document.getElementById("class-list");
const HEAD = 110; // dragging in the head of the page, or this near to the end of the window, scrolls (pixels)
const EDGE = 50;
const SCROLL = 24;
let dragged = null;

const rows = () => [...list.children];
const place = (row) => rows().indexOf(row);

function send(row, step) {
  const form = row.querySelector(".row-actions");
  const field = document.createElement("input");
  [field.type, field.name, field.value] = ["hidden", "step", String(step)];
  form.append(field);
  form.submit();
}

// The row that the pointer is over takes the dragged one in front of it or behind it.
function follow(event) {
  if (event.clientY < HEAD || event.clientY > innerHeight - EDGE) {
    scrollBy(0, event.clientY < HEAD ? -SCROLL : SCROLL);
  }
  const over = rows().find((row) => {
    const { top, bottom } = row.getBoundingClientRect();
    return event.clientY >= top && event.clientY <= bottom;
  });
  if (over && over !== dragged.row) {
    over[place(over) < place(dragged.row) ? "before" : "after"](dragged.row);
  }
}

function stop({ type }) {
  const { row, from, handle, pointer } = dragged;
  dragged = null;
  row.classList.remove("dragged");
  handle.releasePointerCapture(pointer);
  const step = place(row) - from;
  if (type === "pointercancel") {
    const other = rows()[from];
    other[step < 0 ? "after" : "before"](row);
  } else if (step) {
    send(row, step);
  }
}

for (const handle of list?.querySelectorAll(".class-handle") ?? []) {
  const row = handle.closest("li");
  handle.addEventListener("pointerdown", (event) => {
    if (event.button === 0) {
      dragged = { row, from: place(row), handle, pointer: event.pointerId };
      handle.setPointerCapture(event.pointerId);
      row.classList.add("dragged");
    }
  });
  handle.addEventListener("pointermove", (event) => dragged && follow(event));
  handle.addEventListener("pointerup", (event) => dragged && stop(event));
  handle.addEventListener("pointercancel", (event) => dragged && stop(event));
  handle.addEventListener("keydown", (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const target = step && place(row) + step;
    if (step && !event.repeat && target >= 0 && target < rows().length) {
      event.preventDefault();
      send(row, step);
    }
  });
}
for (const hidden of document.querySelectorAll("[data-live]")) {
  hidden.hidden = false;
}
document.querySelector(".class-handle[autofocus]")?.focus();
