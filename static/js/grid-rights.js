// "Source and licence …": source, licence and permission of the selection, one change for each that is said.

/** Connect the dialog; returns a function that opens it. `choose` gets [{field, value, name}]; null takes a value off. */
export function connectRights(choose) {
  const dialog = document.getElementById("rights-dialog");
  const form = dialog.querySelector("form");
  const fields = [...form.querySelectorAll("[name]")];
  const said = (field) => (field.value === "unknown" && field.name === "publish" ? null : field.value.trim());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    dialog.close();
    if (event.submitter?.value !== "cancel") {
      const filled = fields.filter((field) => field.value.trim());
      choose(filled.map((field) => ({ field: field.name, value: said(field), name: field.previousElementSibling.textContent })));
    }
  });
  return () => {
    form.reset();
    dialog.showModal();
    fields[0].focus();
  };
}
