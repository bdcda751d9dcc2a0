// The pointer on the map: a lasso or a move, the wheel, two fingers, and the picture under the pointer.

const LEAST_STEP = 5; // CSS pixels between two corners of a lasso
const REACH = 10; // CSS pixels from the pointer to a point that is shown

/** Connect the canvas. `lassoed(corners, add)` gets a closed lasso; `hovered(place, left, top)` a point or -1. */
export function connectPointer(canvas, { view, points, stage, lassoed, hovered }) {
  const fingers = new Map();
  let spaceHeld = false;
  let drag = null;

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const moves = (event) => stage.dataset.mode === "move" || spaceHeld || event.button === 1;

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    view.zoomAt(Math.exp(-event.deltaY * 0.0015), ...at(event));
  }, { passive: false });

  canvas.addEventListener("keydown", (event) => {
    if (event.code === "Space") {
      spaceHeld = true;
      event.preventDefault();
    }
  });
  canvas.addEventListener("keyup", (event) => (spaceHeld = event.code === "Space" ? false : spaceHeld));
  canvas.addEventListener("blur", () => (spaceHeld = false));

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, at(event));
    hovered(-1);
    const place = at(event);
    if (fingers.size === 2) {
      drag = { pinch: true };
      view.lasso = [];
    } else if (moves(event)) {
      drag = { last: place };
    } else if (event.button === 0) {
      drag = { corners: [view.toPlane(...place)], last: place, add: event.shiftKey };
    }
  });

  canvas.addEventListener("pointermove", (event) => {
    const [left, top] = at(event);
    if (!drag) {
      const [x, y] = view.toPlane(left, top);
      const [farX] = view.toPlane(left + REACH, top);
      hovered(points.nearest(x, y, farX - x), left, top);
      return;
    }
    if (drag.pinch) {
      pinch(event.pointerId, [left, top]);
    } else if (drag.corners) {
      if (Math.hypot(left - drag.last[0], top - drag.last[1]) >= LEAST_STEP) {
        drag.last = [left, top];
        drag.corners.push(view.toPlane(left, top));
        view.lasso = drag.corners;
        view.draw();
      }
    } else {
      view.move(left - drag.last[0], top - drag.last[1]);
      drag.last = [left, top];
    }
  });

  function pinch(id, place) {
    const before = [...fingers.values()];
    fingers.set(id, place);
    const after = [...fingers.values()];
    if (after.length !== 2) {
      return;
    }
    const span = ([one, other]) => Math.max(1, Math.hypot(one[0] - other[0], one[1] - other[1]));
    const middle = ([one, other]) => [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2];
    const [from, to] = [middle(before), middle(after)];
    view.move(to[0] - from[0], to[1] - from[1]);
    view.zoomAt(span(after) / span(before), ...to);
  }

  const end = (event) => {
    fingers.delete(event.pointerId);
    const ended = drag;
    if (fingers.size) {
      return;
    }
    drag = null;
    if (ended?.corners && event.type === "pointerup") {
      lassoed(ended.corners, ended.add);
    }
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", () => hovered(-1));
}
