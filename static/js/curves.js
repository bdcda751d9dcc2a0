// Learning curves of a run, drawn by uPlot from epoch rows {fold, epoch, loss, accuracy, val_loss, val_accuracy}.
// One model: its two curves. Several: each fold thin, the mean thick, one standard deviation around the validation mean.

/* global uPlot */

const HEIGHT = 260;
const DASH = [7, 5];
const FIRST_EPOCHS = 2; // as in app/web/charts.py
const OVERSHOOT = 1.5;

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

function deviation(values) {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

/** The resolved colour of a CSS class; a custom property would still hold its light-dark(). */
function ink(figure, name) {
  const probe = document.createElement("span");
  probe.className = `ink-${name}`;
  probe.hidden = true;
  figure.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}

/** Exponential smoothing that does not lag at the start; `weight` 0 leaves the values as they are. */
export function smoothed(values, weight) {
  let sum = 0;
  let total = 0;
  return values.map((value) => {
    if (value === null) {
      return null;
    }
    sum = sum * weight + value;
    total = total * weight + 1;
    return sum / total;
  });
}

/** Columns for uPlot: epochs, then for each kind one column per fold, then mean, upper and lower limit. */
function columns(rows, metric, folds, weight) {
  const last = rows.reduce((most, row) => Math.max(most, row.epoch), 1);
  const epochs = Array.from({ length: last }, (_, place) => place + 1);
  const data = [epochs];
  for (const name of [metric, `val_${metric}`]) {
    const lines = Array.from({ length: folds }, () => Array(last).fill(null));
    for (const row of rows) {
      lines[row.fold][row.epoch - 1] = row[name];
    }
    lines.forEach((line, fold) => { lines[fold] = smoothed(line, weight); });
    data.push(...lines);
    if (folds > 1) {
      const at = epochs.map((_, place) => lines.map((line) => line[place]).filter((value) => value !== null));
      data.push(at.map((values) => (values.length ? mean(values) : null)));
      data.push(at.map((values) => (values.length > 1 ? mean(values) + deviation(values) : null)));
      data.push(at.map((values) => (values.length > 1 ? mean(values) - deviation(values) : null)));
    }
  }
  return data;
}

/** One chart in a <figure data-metric>. */
export class Curves {
  constructor(figure, texts, folds, language, stages = []) {
    this.figure = figure;
    this.texts = texts;
    this.folds = folds;
    this.metric = figure.dataset.metric;
    this.place = figure.querySelector(".live");
    this.number = new Intl.NumberFormat(language, { minimumFractionDigits: 3, maximumFractionDigits: 3 });
    this.rows = [];
    this.best = {};
    this.stages = stages;
    this.weight = 0;
    this.log = false;
    this.target = null;
    this.readout = document.createElement("p");
    this.readout.className = "readout quiet";
    this.readout.setAttribute("aria-live", "polite");
    figure.append(this.readout);
    figure.classList.add("has-live");
    this.place.hidden = false;
    this.place.tabIndex = 0;
    this.place.setAttribute("aria-label", `${this.place.getAttribute("aria-label")} ${texts.keys}`);
    this.place.addEventListener("keydown", (event) => this.walk(event));
    new ResizeObserver(() => this.plot?.setSize({ width: this.width(), height: HEIGHT })).observe(figure);
    document.addEventListener("themechange", () => this.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  width() {
    return Math.max(this.figure.clientWidth, 240);
  }

  /** Move the cursor by arrow keys, Home and End; the readout is spoken. */
  walk(event) {
    const last = this.plot ? this.plot.data[0].length - 1 : 0;
    const now = this.plot?.cursor.idx ?? -1;
    const wanted = { ArrowRight: now + 1, ArrowLeft: Math.max(now, 1) - 1, Home: 0, End: last }[event.key];
    if (wanted === undefined || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    const place = Math.min(wanted, last);
    this.plot.setCursor({ left: this.plot.valToPos(this.plot.data[0][place], "x"), top: 10 });
  }

  /**
   * `weight` of the values before, 0 to below 1; `log`: the loss on a logarithmic scale; `target`: a share that the
   * accuracy shall reach, or null.
   */
  look(weight, log, target) {
    this.weight = weight;
    this.log = log && this.metric === "loss";
    this.target = this.metric === "accuracy" ? target : null;
    this.draw();
  }

  /** Show `rows`; `best` is {fold: epoch}. */
  update(rows, best) {
    this.rows = rows;
    this.best = best;
    if (this.plot) {
      this.plot.setData(columns(rows, this.metric, this.folds, this.weight));
    } else {
      this.draw();
    }
  }

  /** Build the chart anew: at first, and when the theme has changed. */
  draw() {
    this.plot?.destroy();
    const series = [{}];
    const bands = [];
    for (const kind of ["train", "validation"]) {
      this.addKind(series, bands, kind);
    }
    const axis = { stroke: ink(this.figure, "text"), grid: { stroke: ink(this.figure, "grid"), width: 1 }, ticks: { show: false }, font: "12px sans-serif" };
    const options = {
      width: this.width(),
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 5 } },
      scales: { x: { time: false, range: (_, low, high) => [1, Math.max(high, 2)] }, y: this.log ? { distr: 3 } : { range: (_, low, high) => this.limits(low, high) } },
      axes: [{ ...axis, size: 32, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500] }, { ...axis, size: 48 }],
      series,
      bands,
      hooks: { drawClear: [(plot) => this.drawStages(plot), (plot) => this.drawTarget(plot)], draw: [(plot) => this.drawBest(plot)], setCursor: [(plot) => this.read(plot)] },
    };
    this.plot = new uPlot(options, columns(this.rows, this.metric, this.folds, this.weight), this.place);
  }

  addKind(series, bands, kind) {
    const stroke = ink(this.figure, kind);
    const dash = kind === "validation" ? DASH : undefined;
    const base = { stroke, dash, spanGaps: true, points: { show: this.rows.length < 3 } };
    if (this.folds === 1) {
      series.push({ ...base, width: 2 });
      return;
    }
    for (let fold = 0; fold < this.folds; fold += 1) {
      series.push({ ...base, width: 0.8, alpha: 0.45 });
    }
    series.push({ ...base, width: 2.5 });
    const limit = { stroke: "transparent", points: { show: false } };
    series.push(limit, limit);
    if (kind === "validation") {
      bands.push({ series: [series.length - 2, series.length - 1], fill: ink(this.figure, "band") });
    }
  }

  limits(low, high) {
    if (this.metric === "accuracy") {
      return [Math.max(Math.min(low ?? 0.5, this.target ?? 1, 0.9) - 0.02, 0), 1.005];
    }
    // The first epochs may begin so high that nothing else could be seen; their curve then leaves the chart at the top.
    const later = this.rows.filter((row) => row.epoch > FIRST_EPOCHS).flatMap((row) => [row.loss, row.val_loss ?? 0]);
    const top = later.length ? Math.min(high, OVERSHOOT * Math.max(...later)) : high ?? 1;
    return [Math.min(low ?? 0, 0), top * 1.05 || 1];
  }

  // A dashed line before the first epoch of each later stage.
  drawStages(plot) {
    const context = plot.ctx;
    const { top, height } = plot.bbox;
    context.save();
    context.strokeStyle = ink(this.figure, "stage");
    context.lineWidth = 1.5 * devicePixelRatio;
    context.setLineDash([2 * devicePixelRatio, 4 * devicePixelRatio]);
    for (const epoch of this.stages) {
      const x = plot.valToPos(epoch - 0.5, "x", true);
      context.beginPath();
      context.moveTo(x, top);
      context.lineTo(x, top + height);
      context.stroke();
    }
    context.restore();
  }

  /** The first epoch in which the validation, of several models their mean, is at the target; null for none. */
  reached() {
    const column = this.plot?.data[this.folds === 1 ? 2 : 2 * this.folds + 4];
    const place = column?.findIndex((value) => value !== null && value >= this.target) ?? -1;
    return place < 0 ? null : place + 1;
  }

  // A line across the chart at the accuracy that shall be reached.
  drawTarget(plot) {
    if (this.target === null) {
      return;
    }
    const context = plot.ctx;
    const { left, width } = plot.bbox;
    const y = plot.valToPos(this.target, "y", true);
    context.save();
    context.strokeStyle = ink(this.figure, "text");
    context.lineWidth = 1.5 * devicePixelRatio;
    context.setLineDash([10 * devicePixelRatio, 3 * devicePixelRatio, 2 * devicePixelRatio, 3 * devicePixelRatio]);
    context.beginPath();
    context.moveTo(left, y);
    context.lineTo(left + width, y);
    context.stroke();
    context.restore();
  }

  // The epoch whose weights are kept, on the validation curve of each fold.
  drawBest(plot) {
    const context = plot.ctx;
    context.save();
    context.fillStyle = ink(this.figure, "validation");
    context.strokeStyle = ink(this.figure, "surface");
    context.lineWidth = 2 * devicePixelRatio;
    for (const [fold, epoch] of Object.entries(this.best)) {
      const each = this.folds === 1 ? 1 : this.folds + 3;
      const value = plot.data[each + 1 + Number(fold)]?.[epoch - 1];
      if (value === undefined || value === null) {
        continue;
      }
      context.beginPath();
      context.arc(plot.valToPos(epoch, "x", true), plot.valToPos(value, "y", true), 4.5 * devicePixelRatio, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
    context.restore();
  }

  // The numbers under the pointer, below the chart.
  read(plot) {
    const place = plot.cursor.idx;
    if (place === null || place === undefined) {
      this.readout.textContent = "";
      return;
    }
    const each = this.folds === 1 ? 1 : this.folds + 3;
    const offset = this.folds === 1 ? 1 : this.folds + 1; // the curve of the one model, or the mean
    const show = (column) => {
      const value = plot.data[column][place];
      return value === null ? "–" : this.number.format(value);
    };
    const { epoch, train, validation, mean: middle } = this.texts;
    const note = this.folds > 1 ? ` (${middle})` : "";
    this.readout.textContent = `${epoch} ${plot.data[0][place]} · ${train} ${show(offset)} · ${validation} ${show(each + offset)}${note}`;
  }
}
