// "/" opens a field: type a class, Enter takes the first that fits. For more classes than there are keys.

const plain = (text) => text.normalize("NFKC").toLocaleLowerCase();

/** Connect the dialog of the page; returns a function that opens it. `choose(classId)` gets the choice. */
export function connectPicker(classes, choose) {
  const dialog = document.getElementById("picker");
  const input = document.getElementById("picker-input");
  const list = document.getElementById("picker-list");
  let shown = [];
  let active = 0;

  const take = (item) => {
    dialog.close();
    if (item) {
      choose(item.id);
    }
  };
  const mark = (index) => {
    active = Math.max(0, Math.min(index, shown.length - 1));
    [...list.children].forEach((row, at) => row.setAttribute("aria-selected", String(at === active)));
    list.children[active]?.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", list.children[active]?.id ?? "");
  };
  const draw = () => {
    const wanted = plain(input.value.trim());
    const names = (item) => [item.name, item.second ?? ""].map(plain);
    const rank = (item) => (names(item).some((name) => name.startsWith(wanted)) ? 0 : 1);
    const fits = (item) => !item.retired && names(item).some((name) => name.includes(wanted));
    shown = classes.filter(fits).sort((one, other) => rank(one) - rank(other));
    list.replaceChildren(...shown.map((item, at) => row(item, at, take)));
    mark(0);
  };
  input.addEventListener("input", draw);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) {
      return; // Enter ends the conversion of the input method
    }
    if (event.code === "ArrowDown" || event.code === "ArrowUp") {
      event.preventDefault();
      mark(active + (event.code === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter") {
      event.preventDefault();
      take(shown[active]);
    }
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) {
      dialog.close();
    }
  });
  return () => {
    input.value = "";
    draw();
    dialog.showModal();
    input.focus();
  };
}

function row(item, at, take) {
  const made = document.createElement("li");
  made.id = `picker-${at}`;
  made.setAttribute("role", "option");
  const dot = document.createElement("span");
  dot.className = "dot";
  dot.style.backgroundColor = item.color;
  const second = document.createElement("small");
  second.className = "second-name";
  second.textContent = item.second ?? "";
  const key = document.createElement("kbd");
  key.textContent = item.key ?? "";
  key.hidden = !item.key;
  made.append(dot, item.name, second, key);
  made.addEventListener("click", () => take(item));
  return made;
}
