// The heat map over the picture: shown or not, its strength, and boxes of the shape that the model saw.

const SHOWN = "miwake.heat-off";
const STRENGTH = "miwake.heat-strength";

export class HeatView {
  constructor(place) {
    this.place = place;
    this.off = localStorage.getItem(SHOWN) !== null;
    this.strength = Number(localStorage.getItem(STRENGTH) ?? 70);
    place.addEventListener("input", (event) => {
      if (event.target.matches(".opacity-slider")) {
        this.set(event.target.valueAsNumber);
      }
    });
  }

  /** Bring a new picture into the state that the reader chose. */
  arrange() {
    const panels = this.place.querySelector(".panels");
    for (const view of panels.querySelectorAll(".view")) {
      if (panels.classList.contains("view-stretch")) {
        view.style.aspectRatio = panels.dataset.ratio;
      }
      if (panels.classList.contains("view-pad")) {
        view.style.backgroundColor = panels.dataset.pad;
      }
    }
    const slider = this.place.querySelector(".opacity");
    if (slider) {
      slider.hidden = false;
    }
    this.show();
  }

  toggle() {
    this.off = !this.off;
    if (this.off) {
      localStorage.setItem(SHOWN, "1");
    } else {
      localStorage.removeItem(SHOWN);
    }
    this.show();
  }

  stronger(by) {
    this.set(this.strength + by);
  }

  set(percent) {
    this.strength = Math.max(0, Math.min(100, percent));
    localStorage.setItem(STRENGTH, String(this.strength));
    this.show();
  }

  show() {
    this.place.classList.toggle("heat-off", this.off);
    const overlay = this.place.querySelector(".overlay");
    if (!overlay) {
      return;
    }
    overlay.style.opacity = String(this.strength / 100);
    this.place.querySelector(".opacity-slider").valueAsNumber = this.strength;
    this.place.querySelector(".opacity output").textContent = `${this.strength} %`;
  }
}
