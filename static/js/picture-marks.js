// Marks on the review page: a picture is excluded, or its label was found right. Its tile holds them as the server has
// them, and the large picture follows its tile.

/** The mark `field` of a tile: null when it is not set, else the reason or the class that was found right. */
export function markOf(tile, field) {
  return tile.dataset[field] ?? null;
}

/** Give a tile the mark. */
export function setMark(tile, field, value) {
  if (value === null) {
    delete tile.dataset[field];
  } else {
    tile.dataset[field] = value;
  }
}

/** True when the label that the picture has now was found right. */
export function isRight(tile) {
  return tile.dataset.checked !== undefined && tile.dataset.checked === tile.dataset.now;
}

/** Show the marks of a tile on it. `words`: excluded and checked. */
export function showOnTile(tile, words) {
  const badge = tile.querySelector(".tile-mark");
  const excluded = markOf(tile, "excluded") !== null;
  badge.hidden = !excluded && !isRight(tile);
  badge.textContent = excluded ? words.excluded : words.checked;
}

/** Show the marks of a tile on the form beside the large picture. `reasons` names the reasons that are stored. */
export function showOnForm(form, tile, words, reasons) {
  const reason = markOf(tile, "excluded");
  const [excluded, right] = [form.querySelector(".mark-excluded"), form.querySelector(".mark-checked")];
  excluded.hidden = reason === null;
  excluded.textContent = reason ? `${words.excluded}: ${reasons[reason] ?? reason}` : words.excluded;
  right.hidden = !isRight(tile);
  const [bad, hard] = ["excluded", "checked"].map((field) => form.querySelector(`[data-mark="${field}"]`));
  bad.setAttribute("aria-pressed", String(reason !== null));
  hard.setAttribute("aria-pressed", String(isRight(tile)));
  hard.disabled = tile.dataset.now === "";
  form.querySelector(".mark-why").hidden = false;
}
