// "Source and licence …": source, licence and permission of the selection, one change for each that is said.

/** Connect the dialog; returns a function that opens it. `choose` gets [{field, value, name}]; null takes a value off. */
export function connectRights(choose) {
  const dialog = document.getElementById("rights-dialog");
  const form = dialog.querySelector("form");
  const fields = [...form.querySelectorAll("[name]")];
  const boxes = [...form.querySelectorAll("[data-clear]")];
  const cleared = (field) => boxes.some((box) => box.checked && box.dataset.clear === field.name);
  const asked = (field) => cleared(field) || field.value.trim() !== "";
  const said = (field) => (cleared(field) || (field.value === "unknown" && field.name === "publish") ? null : field.value.trim());
  const follow = () => fields.forEach((field) => (field.disabled = cleared(field)));
  form.addEventListener("change", follow);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    dialog.close();
    if (event.submitter?.value !== "cancel") {
      const name = (field) => field.previousElementSibling.textContent;
      choose(fields.filter(asked).map((field) => ({ field: field.name, value: said(field), name: name(field) })));
    }
  });
  return () => {
    form.reset();
    follow();
    dialog.showModal();
    fields[0].focus();
  };
}
