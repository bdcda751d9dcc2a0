// The points of the map: columns read from one binary answer, colours by what is asked, and who lies inside a polygon.

export const SIDE = 65535;
const GREY = [140, 148, 154];
const SPLIT_COLOURS = [GREY, [0, 114, 178], [230, 159, 0], [213, 94, 0]];
const VERDICT_COLOURS = [GREY, [0, 158, 115], [213, 20, 60]];

/** "#0072b2" as three numbers. */
const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/** A colour for each of many groups, told apart by hue and brightness. */
function groupColour(number) {
  const hue = (number * 137.5) % 360;
  const light = [0.5, 0.38, 0.62][number % 3];
  const chroma = 0.65 * Math.min(light, 1 - light) * 2;
  return [0, 8, 4].map((shift) => {
    const k = (shift + hue / 30) % 12;
    return Math.round(255 * (light - (chroma / 2) * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  });
}

export class Points {
  constructor(buffer) {
    const [count] = new Uint32Array(buffer, 0, 1);
    let at = 4;
    const column = (Kind) => {
      const found = new Kind(buffer, at, count);
      at += found.byteLength;
      return found;
    };
    this.count = count;
    this.ids = column(Uint32Array);
    this.versions = column(Uint32Array);
    this.x = column(Uint16Array);
    this.y = column(Uint16Array);
    this.classes = column(Uint16Array); // place among the classes of the page from 1; 0 without a label
    this.said = column(Uint16Array); // the same of what the run said
    this.groups = column(Uint8Array);
    this.splits = column(Uint8Array);
    this.verdicts = column(Uint8Array);
    this.folds = column(Uint8Array); // of the run, from 1; 0 for none
  }

  /** The column of values, and for each value its words and colour. */
  legend(by, { classes, texts }) {
    const name = (number) => texts.group.replace("{number}", number + 1);
    const named = (nothing) => [{ name: nothing, colour: GREY }, ...classes.map((item) => ({ name: item.name, colour: channels(item.color) }))];
    const fold = (place) => (place ? { name: texts.fold.replace("{number}", place), colour: groupColour(place - 1) } : { name: texts.noFold, colour: GREY });
    const tables = {
      class: [this.classes, named(texts.none)],
      said: [this.said, named(texts.verdicts[0])],
      fold: [this.folds, Array.from({ length: 256 }, (_, place) => fold(place))],
      split: [this.splits, texts.splits.map((words, place) => ({ name: words, colour: SPLIT_COLOURS[place] }))],
      verdict: [this.verdicts, texts.verdicts.map((words, place) => ({ name: words, colour: VERDICT_COLOURS[place] }))],
      group: [this.groups, Array.from({ length: 256 }, (_, place) => ({ name: name(place), colour: groupColour(place) }))],
    };
    const [values, entries] = tables[by];
    const counts = new Uint32Array(entries.length);
    for (let place = 0; place < this.count; place += 1) {
      counts[values[place]] += 1;
    }
    return { values, entries: entries.map((entry, place) => ({ ...entry, count: counts[place] })) };
  }

  /** The places of the points inside a polygon of [x, y] corners: a ray crosses its sides an odd number of times. */
  inside(corners) {
    const xs = corners.map((corner) => corner[0]);
    const ys = corners.map((corner) => corner[1]);
    const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const found = [];
    for (let place = 0; place < this.count; place += 1) {
      const [x, y] = [this.x[place], this.y[place]];
      if (x < left || x > right || y < top || y > bottom) {
        continue;
      }
      let within = false;
      for (let one = 0, other = corners.length - 1; one < corners.length; other = one, one += 1) {
        if (ys[one] > y !== ys[other] > y && x < ((xs[other] - xs[one]) * (y - ys[one])) / (ys[other] - ys[one]) + xs[one]) {
          within = !within;
        }
      }
      if (within) {
        found.push(place);
      }
    }
    return found;
  }

  /** The point nearest to (x, y) within `reach`, or -1. */
  nearest(x, y, reach) {
    let [found, least] = [-1, reach * reach];
    for (let place = 0; place < this.count; place += 1) {
      const distance = (this.x[place] - x) ** 2 + (this.y[place] - y) ** 2;
      if (distance <= least) {
        [found, least] = [place, distance];
      }
    }
    return found;
  }
}
