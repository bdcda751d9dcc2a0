// The form of the diary shows only the fields that the chosen test uses.

const form = document.getElementById("diary-form");
const test = form.elements.namedItem("change");

function arrange() {
  for (const part of form.querySelectorAll("[data-for]")) {
    part.hidden = !part.dataset.for.split(" ").includes(test.value) || !test.value;
  }
}

if (test) {
  test.addEventListener("change", arrange);
  arrange();
}
