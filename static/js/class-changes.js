// Rows of changes of single classes in the form of a training: added and removed in place, with the limits of the change
// that is chosen. Without this module the buttons ask the server for the page with one row more or less.

const form = document.getElementById("recipe");
const list = document.getElementById("own-rows");
const blank = document.getElementById("own-row");
const add = document.getElementById("own-add");
let last = list.children.length;

/** The part of a row: class, change or value. */
function part(row, name) {
  return row.querySelector(`[data-part="${name}"]`);
}

function append() {
  const row = blank.content.firstElementChild.cloneNode(true);
  last += 1;
  for (const control of row.querySelectorAll("[data-part]")) {
    control.id = `own-${last}-${control.dataset.part}`;
    control.name = `own:${last}:${control.dataset.part}`;
  }
  const before = list.lastElementChild;
  list.append(row);
  if (before) {
    part(row, "class").value = part(before, "class").value;
    nameRemoval(row);
  }
  part(row, before ? "change" : "class").focus();
}

function remove(row) {
  const next = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  (next?.querySelector("[data-remove]") ?? add).focus();
  list.dispatchEvent(new Event("input", { bubbles: true })); // the rest of the page follows
}

function nameRemoval(row) {
  const label = blank.content.querySelector("[data-remove]").getAttribute("aria-label");
  row.querySelector("[data-remove]").setAttribute("aria-label", label.replace("–", () => part(row, "class").value || "–"));
}

/** The value of all classes stands beside a change that has just been chosen, to be altered. */
function showChange(row) {
  const option = part(row, "change").selectedOptions[0];
  const fixed = option.value.includes(":");
  const common = document.getElementById(option.value === "added_copies" ? "f-added_copies" : `f-augmentation-${option.value}`);
  row.querySelector(".own-value").hidden = fixed;
  row.querySelector(".own-value .range").textContent = option.dataset.limits ?? "";
  part(row, "value").value = fixed ? "" : (common?.value ?? "");
}

/** The preview shows a picture of the class that was chosen, where one is offered. */
function showClass(name) {
  const examples = [...form.querySelectorAll("input[name=image][data-class]")];
  const other = examples.find((example) => example.dataset.class === name);
  if (other && examples.find((example) => example.checked)?.dataset.class !== name) {
    other.checked = true;
  }
}

add.addEventListener("click", (event) => {
  event.preventDefault();
  append();
});
list.addEventListener("click", (event) => {
  const button = event.target.closest("[data-remove]");
  if (button) {
    event.preventDefault();
    remove(button.closest("[data-own]"));
  }
});
list.addEventListener("input", (event) => {
  const row = event.target.closest("[data-own]");
  if (event.target.dataset.part === "change") {
    showChange(row);
  }
  if (event.target.dataset.part === "class") {
    showClass(event.target.value);
    nameRemoval(row);
  }
});
