// What a model says of the picture: beside its name and on the button of the class; can be hidden, so that nobody is led.

import { fill } from "./save-view.js";

const HIDDEN = "miwake.suggestions-hidden";
const percent = new Intl.NumberFormat(document.documentElement.lang, { style: "percent" });

export class Suggestions {
  #place = document.getElementById("suggestion");
  #text = document.getElementById("suggestion-text");
  #switch = document.getElementById("suggestions-on");
  #classes;
  #texts;
  #item = null;

  constructor(classes, texts) {
    this.#classes = classes;
    this.#texts = texts;
    this.#switch.checked = localStorage.getItem(HIDDEN) === null;
    this.#switch.addEventListener("change", () => {
      if (this.#switch.checked) {
        localStorage.removeItem(HIDDEN);
      } else {
        localStorage.setItem(HIDDEN, "1");
      }
      this.show(this.#item);
    });
  }

  /** The class that is suggested for an image, or null; also null while suggestions are hidden. */
  of(item) {
    const said = this.#switch.checked ? item?.suggestion : null;
    return said && said.class_id !== item.class_id && this.#classes.has(said.class_id) ? said.class_id : null;
  }

  show(item) {
    this.#item = item;
    const classId = this.of(item);
    this.#place.hidden = classId === null;
    for (const button of document.querySelectorAll("[data-class]")) {
      button.classList.toggle("suggested", Number(button.dataset.class) === classId);
    }
    if (classId !== null) {
      const { kind, number, confidence } = item.suggestion;
      const sentence = kind === "run" ? this.#texts.suggested_run : this.#texts.suggested_similar;
      const name = this.#classes.get(classId).name;
      this.#text.textContent = fill(sentence, { number, name, confidence: percent.format(confidence) });
    }
  }
}
