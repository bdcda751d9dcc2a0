// The forms of the gallery that choose filters and the order: they act at once, and leave empty fields out of the address.

const asked = document.querySelector("[data-filters]");
const sort = document.getElementById("sort");

function withoutEmpty(form) {
  form.addEventListener("submit", () => {
    for (const field of form.elements) {
      field.disabled ||= field.name !== "" && field.value === "";
    }
  });
  // The browser keeps a page that it may come back to; its fields shall work there.
  addEventListener("pageshow", () => {
    for (const field of form.elements) {
      field.disabled = false;
    }
    ready();
  });
}

// Without a run there is no answer to ask for, and no order by it.
function ready() {
  const run = asked?.querySelector("[data-run]");
  for (const field of asked?.querySelectorAll("[data-of-run]") ?? []) {
    field.disabled = !run.value;
  }
}

if (asked) {
  withoutEmpty(asked);
  asked.querySelector("[data-run]")?.addEventListener("change", ready);
  asked.addEventListener("submit", () => {
    const order = asked.elements.namedItem("sort");
    const run = asked.querySelector("[data-run]");
    if (order && !run?.value && /confidence|loss/.test(order.value)) {
      order.disabled = true;
    }
  });
  ready();
}
if (sort) {
  withoutEmpty(sort.form);
  sort.form.querySelector("[data-sort]").hidden = true;
  sort.addEventListener("change", () => sort.form.requestSubmit());
}
