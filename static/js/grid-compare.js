// "C": the selected images side by side, large, with their names and classes.

const MOST = 6;

/** Returns a function that shows images; `describe(item)` gives {picture, page, label, color}. */
export function connectCompare(describe) {
  const dialog = document.getElementById("compare-dialog");
  const place = document.getElementById("compare-pictures");

  function figure(item) {
    const { picture, page, label, color } = describe(item);
    const made = document.createElement("figure");
    const image = document.createElement("img");
    [image.src, image.alt] = [picture, item.name];
    const caption = document.createElement("figcaption");
    const name = document.createElement("a");
    [name.href, name.textContent] = [page, item.name];
    const given = document.createElement("span");
    given.textContent = label;
    const dot = document.createElement("span");
    dot.className = "dot";
    dot.style.background = color;
    caption.append(name, dot, given);
    made.append(image, caption);
    return made;
  }

  return (items) => {
    place.replaceChildren(...items.slice(0, MOST).map(figure));
    document.getElementById("compare-more").hidden = items.length <= MOST;
    dialog.showModal();
  };
}
