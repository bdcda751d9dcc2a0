// Selecting in the grid with the pointer: click, Ctrl-click, Shift-click, and a rubber band drawn with the mouse.

const DRAG_PX = 6;

/** Connect the grid `root`; `open(item)` is a double click. */
export function connectPointer(root, { view, images, selection, open }) {
  let dragged = false;

  const tileAt = (event) => {
    const tile = event.target.closest(".grid-tile");
    return tile && { place: Number(tile.dataset.place), item: images.at(Number(tile.dataset.place)) };
  };

  root.addEventListener("click", (event) => {
    const hit = tileAt(event);
    if (dragged) {
      return;
    }
    if (!hit) {
      selection.clear();
      return;
    }
    view.focused = hit.place;
    const adds = event.ctrlKey || event.metaKey || event.pointerType === "touch";
    if (event.shiftKey) {
      selection.range(hit.place);
      return;
    }
    selection.pick(hit.place, adds);
  });

  root.addEventListener("dblclick", (event) => {
    const hit = tileAt(event);
    if (hit?.item) {
      open(hit.item);
    }
  });

  // Everything a rubber band does can be done with Shift-click and Ctrl-click as well.
  root.addEventListener("pointerdown", (event) => {
    dragged = false;
    const onScrollBar = event.target === root && event.offsetX >= root.clientWidth;
    if (event.button !== 0 || event.pointerType !== "mouse" || event.shiftKey || onScrollBar) {
      return;
    }
    const before = event.ctrlKey || event.metaKey ? selection.items : [];
    const end = band(root, event, (area) => {
      dragged = true;
      selection.band(view.within(area), before);
    });
    root.addEventListener("pointerup", end, { once: true });
    root.addEventListener("pointercancel", end, { once: true });
  });
}

// Draw the band from where `event` began; `cover(area)` is called with what it covers, in pixels of the scrolled content.
function band(root, event, cover) {
  const point = (at) => {
    const box = root.getBoundingClientRect();
    return { x: at.clientX - box.left - root.clientLeft, y: at.clientY - box.top - root.clientTop + root.scrollTop };
  };
  const start = point(event);
  const shape = document.createElement("div");
  shape.className = "grid-band";
  const draw = (moved) => {
    const now = point(moved);
    if (!shape.isConnected) {
      if (Math.hypot(now.x - start.x, now.y - start.y) < DRAG_PX) {
        return;
      }
      root.append(shape);
      root.setPointerCapture(event.pointerId);
    }
    const area = {
      left: Math.min(start.x, now.x),
      right: Math.max(start.x, now.x),
      top: Math.min(start.y, now.y),
      bottom: Math.max(start.y, now.y),
    };
    shape.style.transform = `translate(${area.left}px, ${area.top}px)`;
    shape.style.width = `${area.right - area.left}px`;
    shape.style.height = `${area.bottom - area.top}px`;
    const inView = now.y - root.scrollTop;
    root.scrollTop += inView > root.clientHeight - 24 ? 16 : inView < 24 ? -16 : 0;
    cover(area);
  };
  root.addEventListener("pointermove", draw);
  return () => {
    shape.remove();
    root.removeEventListener("pointermove", draw);
  };
}
