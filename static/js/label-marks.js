// Marks of an image (excluded with a reason, unsure, skipped, a note) and the two dialogs that ask for a text.

/** The value of a mark as the server has it: null when it is not set, else the reason, the note or "". */
export function markOf(item, field) {
  if (field === "excluded") {
    return item.state === "excluded" ? item.reason ?? "" : null;
  }
  if (field === "note") {
    return item.note || null;
  }
  return item[field] ? "" : null;
}

/** Give `item` the mark. */
export function setMark(item, field, value) {
  if (field === "excluded") {
    item.state = value === null ? "active" : "excluded";
    item.reason = value ?? "";
  } else if (field === "note") {
    item.note = value ?? "";
  } else {
    item[field] = value !== null;
  }
}

/** Reasons by number key or typed; returns a function that opens the dialog and calls `choose(reason)`. */
export function connectReasons(choose) {
  const dialog = document.getElementById("reason-dialog");
  const input = document.getElementById("reason-input");
  const buttons = [...dialog.querySelectorAll("[data-reason]")];
  const take = (reason) => {
    dialog.close();
    choose(reason);
  };
  for (const button of buttons) {
    button.addEventListener("click", () => take(button.dataset.reason));
  }
  dialog.addEventListener("keydown", (event) => {
    const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
    const button = digit && event.target !== input && buttons[Number(digit[1]) - 1];
    if (button && !event.ctrlKey && !event.altKey && !event.metaKey) {
      event.preventDefault();
      take(button.dataset.reason);
    }
  });
  connectText(dialog, input, take);
  return () => {
    input.value = "";
    dialog.showModal();
    buttons[0].focus();
  };
}

/** A note; returns a function that opens the dialog with the text so far and calls `choose(text or null)`. */
export function connectNote(choose) {
  const dialog = document.getElementById("note-dialog");
  const input = document.getElementById("note-input");
  connectText(dialog, input, (text) => {
    dialog.close();
    choose(text || null);
  });
  return (text = "") => {
    input.value = text;
    dialog.showModal();
    input.select();
  };
}

// Enter sends the form, but not the Enter that ends the conversion of an input method.
function connectText(dialog, input, take) {
  let composing = false;
  input.addEventListener("keydown", (event) => {
    composing = event.isComposing || event.keyCode === 229;
  });
  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (event.submitter?.value === "cancel") {
      dialog.close();
    } else if (!composing) {
      take(input.value.trim());
    }
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) {
      dialog.close();
    }
  });
}
