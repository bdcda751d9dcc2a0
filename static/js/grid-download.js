// The selection as a file: by a form with the numbers of the images, or by a link when it is all that match a filter.

/** Do what `button` says; where a filter describes the images it has the address for all of them in data-all. */
export async function download(button, selection, images) {
  if (!selection.count) {
    return;
  }
  if (selection.all && button.dataset.all) {
    location.assign(button.dataset.all);
    return;
  }
  const items = selection.all ? await images.range(0, images.total - 1) : selection.items;
  const form = document.createElement("form");
  form.method = "post";
  form.action = button.formAction;
  form.hidden = true;
  for (const [name, value] of [["form", button.value], ["images", items.map((item) => item.id).join(",")]]) {
    const field = document.createElement("input");
    [field.name, field.value] = [name, value];
    form.append(field);
  }
  document.body.append(form);
  form.submit();
  form.remove();
}
