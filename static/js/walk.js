// Walking through the pictures of a page: the large one is a fragment made by the server. Neighbours are fetched ahead,
// so that a key is answered at once.

import { paint } from "./colors.js";
import { toast } from "./toast.js";

export class Walk {
  #place;
  #words;
  #arrange;
  #fragments = new Map(); // number of a picture -> promise of the HTML
  #turn = 0;
  #coming = null; // number of the picture that is on its way

  /** `place` holds the large picture; `arrange` is called whenever another one is in it. `words` are first and last. */
  constructor(place, words, arrange) {
    this.#place = place;
    this.#words = words;
    this.#arrange = arrange;
    document.getElementById("tiles").addEventListener("click", (event) => {
      const one = event.target.closest(".tile");
      if (one && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
        event.preventDefault();
        this.show(Number(one.dataset.item), one.href);
      }
    });
    place.addEventListener("click", (event) => {
      const arrow = event.target.closest(".step-next, .step-previous");
      if (arrow && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        this.step(arrow.classList.contains("step-next") ? 1 : -1);
      }
    });
  }

  /** The number of the picture that is shown. */
  get current() {
    return Number(this.#head.item);
  }

  /** True while another picture is on its way: what is done now would be done to the one that was left. */
  get busy() {
    return this.#coming !== null && this.#coming !== this.current;
  }

  get #head() {
    return this.#place.querySelector(".selected-head").dataset;
  }

  /** The tile of a picture on this page, or null. */
  tile(item) {
    return document.querySelector(`.tile[data-item="${item}"]`);
  }

  /** Put the large picture in order, and fetch its neighbours. */
  arrange() {
    paint(this.#place);
    this.#arrange();
    const { previousItem, previous, nextItem, next } = this.#head;
    this.#prefetch(nextItem, next);
    this.#prefetch(previousItem, previous);
  }

  /** Show `item`, which is on this page; otherwise the browser goes to the page that has it. */
  async show(item, href) {
    const one = this.tile(item);
    this.#turn += 1;
    this.#coming = item;
    const mine = this.#turn;
    const html = one && (await this.#fragment(item, href).catch(() => null));
    if (mine !== this.#turn) {
      return; // another key was faster
    }
    this.#coming = null;
    if (!html) {
      if (item !== this.current) {
        location.assign(href); // the page has the picture, or says what is wrong
      }
      return;
    }
    this.#place.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
    document.querySelector(".tile[aria-current]")?.removeAttribute("aria-current");
    one.setAttribute("aria-current", "true");
    one.scrollIntoView({ block: "nearest" });
    history.replaceState(null, "", href);
    this.arrange();
  }

  /** Ask for the picture again: something of it has changed, and perhaps of others. */
  reload() {
    this.#fragments.clear();
    return this.show(this.current, this.tile(this.current).href);
  }

  /** Go to the next picture (+1) or the one before (-1). */
  step(direction) {
    const { previousItem, previous, nextItem, next } = this.#head;
    const [item, href] = direction > 0 ? [nextItem, next] : [previousItem, previous];
    if (item) {
      this.show(Number(item), href);
    } else {
      toast(direction > 0 ? this.#words.last : this.#words.first);
    }
  }

  #fragment(item, href) {
    if (!this.#fragments.has(item)) {
      const address = new URL(href, location.href);
      address.searchParams.set("part", "selected");
      address.hash = "";
      const answer = fetch(address, { headers: { "HX-Request": "true" } }).then((response) => {
        if (!response.ok) {
          throw new Error(`${response.status}`);
        }
        return response.text();
      });
      answer.catch(() => this.#fragments.delete(item)); // asked for again next time
      this.#fragments.set(item, answer);
    }
    return this.#fragments.get(item);
  }

  async #prefetch(item, href) {
    if (!item) {
      return;
    }
    try {
      const made = new DOMParser().parseFromString(await this.#fragment(Number(item), href), "text/html");
      for (const image of made.images) {
        new Image().src = image.getAttribute("src");
      }
    } catch {
      // The picture is fetched when it is asked for; an error is shown then.
    }
  }
}
