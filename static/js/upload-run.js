// Sends files in bundles and zips in pieces; after a break only what is not there yet.

import { batches, bundle, describes, listsOf, named } from "./upload-files.js";
import { folderCounts, plan } from "./upload-plan.js";
import { read, send } from "./upload-send.js";
import { View, fill, number } from "./upload-view.js";

const LIMITS = { count: 100, bytes: 8 * 2 ** 20 };
const PARALLEL = 3;
const OFFERS = 10_000;
const PIECE = 8 * 2 ** 20;
const JSON_TYPE = "application/json";
const BUNDLE_TYPE = "application/x-miwake-files";

/** One import from choice to report. `page`: addresses and texts; `control`: pause and cancel. */
export class Run {
  failed = [];

  constructor(page, control) {
    Object.assign(this, { page, control, texts: page.texts });
  }

  post(url, body, onWait = () => {}) {
    return send(this.control, url, JSON.stringify(body), { type: JSON_TYPE, onWait });
  }

  async #open(fits) {
    const { imports = [] } = await read(this.control, this.page.open);
    return imports.find(fits);
  }

  /** Files of any number; the address of the report, or undefined when it was called off or is not whole. */
  async files(items) {
    const top = items[0].root || items[0].path;
    const name = items.length === 1 ? items[0].path : `${top} (${fill(this.texts.many, { count: items.length })})`;
    const open = await this.#open((one) => one.source === "browser" && one.name === name && one.total === items.length);
    const begun = open ?? (await this.#begin(name, items));
    if (!begun) return undefined;
    const bytes = items.reduce((sum, { file }) => sum + file.size, 0);
    this.view = new View(this.texts, { name, total: items.length, bytes });
    if (begun.error !== undefined) return this.view.draw(begun.error);
    this.urls = begun;
    await this.#inside(items);
    const left = open ? await this.#missing(items) : items;
    if (!left) return undefined;
    if (open) this.#goOn(items, left);
    return this.send(left.filter((item) => this.#fits(item)));
  }

  #goOn(items, left) {
    this.view.already = items.length - left.length;
    this.view.sent = this.view.bytes - left.reduce((sum, { file }) => sum + file.size, 0);
    this.view.draw(fill(this.texts.goes_on, { number: this.urls.number, count: number(this.view.already) }));
  }

  async #begin(name, items) {
    const choice = this.page.choice();
    const asked = await this.post(this.page.folders, { folders: folderCounts(items), ...choice });
    const lists = listsOf(items).map(({ path }) => path.split("/").at(-1));
    const rules = await this.decide(name, items.length, asked.body?.folders ?? [], lists);
    if (!rules) return null;
    const made = await this.post(this.page.create, { name, total: items.length, source: "browser", rules, ...choice, ...this.page.about() });
    if (!made.ok) return { error: made.message };
    const refused = await this.#list(made.body);
    return refused ? { error: refused } : made.body;
  }

  /** Send the list that was chosen beside the pictures; why it was refused, which ends the import, or "". */
  async #list(urls) {
    const file = this.page.list();
    if (!file) return "";
    const type = "application/octet-stream";
    const answer = await send(this.control, `${urls.list}?${new URLSearchParams({ name: file.name })}`, file, { type });
    if (answer.ok) return "";
    this.urls = urls;
    await this.cancel();
    return `${file.name}: ${answer.message || this.texts.unreadable}`;
  }

  /**
   * Lists among the files go first, because they say what the others are. One that cannot be used is named, and ends
   * nothing; after one that can be, only the classes of an export are of use.
   */
  async #inside(items) {
    const onWait = () => this.view.draw(this.texts.offline);
    let found = false;
    for (const { path, file } of listsOf(items)) {
      if (found && !describes(path)) continue;
      const url = `${this.urls.list}?${new URLSearchParams({ path })}`;
      const answer = await send(this.control, url, file, { type: "application/octet-stream", onWait });
      if (answer.stopped) return;
      found ||= Boolean(answer.body?.kind);
      const reason = answer.ok ? answer.body.reason : answer.message || this.texts.unreadable;
      if (reason) this.view.problem(path, reason);
      this.view.draw(reason ? `${path}: ${reason}` : "");
    }
  }

  decide(name, count, folders, lists = []) {
    return plan({ name, count, folders, lists, texts: this.texts, classes: this.page.classes });
  }

  async #missing(items) {
    const left = [];
    for (let start = 0; start < items.length; start += OFFERS) {
      const part = items.slice(start, start + OFFERS);
      const answer = await this.post(this.urls.missing, { files: part.map(named) });
      if (!answer.ok) return null;
      left.push(...answer.body.missing.map((place) => part[place]));
    }
    return left;
  }

  #fits(item) {
    if (item.file.size <= this.page.max_file_mb * 2 ** 20) return true;
    this.view.counts.refused += 1;
    this.view.problem(item.path, fill(this.texts.too_large, { limit: this.page.max_file_mb }));
    return false;
  }

  /** Send files into the import that was begun and end it. */
  async send(items) {
    this.failed = [];
    const waiting = batches(items, LIMITS);
    const lane = async () => {
      for (let batch = waiting.shift(); batch && !this.control.stopped; batch = waiting.shift()) await this.#batch(batch);
    };
    await Promise.all(Array.from({ length: PARALLEL }, lane));
    if (this.control.stopped) return this.cancel();
    if (this.failed.length) {
      this.view.draw(fill(this.texts.failed, { count: number(this.failed.length) }));
      return undefined;
    }
    await this.post(this.urls.finish, {});
    this.view.draw(this.texts.done);
    return this.urls.report;
  }

  /** Send one file into the import that was begun. */
  one(item) {
    return this.#batch([item]);
  }

  async #batch(batch) {
    let before = 0;
    const onProgress = (loaded) => {
      this.view.sent += loaded - before;
      before = loaded;
      this.view.draw();
    };
    const onWait = () => this.view.draw(this.texts.offline);
    const answer = await send(this.control, this.urls.bundle, bundle(batch), { type: BUNDLE_TYPE, onProgress, onWait });
    if (answer.ok) {
      this.view.add(answer.body.counts);
      this.view.pictures(answer.body.pictures);
      for (const { path, message } of answer.body.problems) this.view.problem(path, message);
      return this.view.draw("");
    }
    if (answer.stopped) return undefined;
    onProgress(0);
    // One file that cannot be read spoils its whole request: the others are sent again one by one.
    if (batch.length > 1 && answer.again) return batch.reduce((last, item) => last.then(() => this.#batch([item])), Promise.resolve());
    this.failed.push(...batch);
    for (const item of batch) this.view.problem(item.path, answer.message || this.texts.unreadable);
    return this.view.draw();
  }

  /** End an import where it stands; the address of what is to be seen then. */
  async cancel() {
    try {
      return (await fetch(this.urls.cancel, { method: "POST" })).url;
    } catch {
      return undefined; // the server is away: the import stays open, and can go on or be ended later
    }
  }

  /** A zip of any size; the address of its report, or undefined. */
  async zip(file, encoding) {
    const large = file.size > this.page.max_zip_mb * 2 ** 20;
    if (large || !file.size) {
      this.view = new View(this.texts, { name: file.name, total: 0, bytes: file.size });
      const said = large ? this.texts.zip_too_large : this.texts.zip_empty;
      return this.view.refused(file.name, fill(said, { limit: this.page.max_zip_mb }));
    }
    const meta = named({ file, path: file.name });
    const same = ({ source, file: other }) =>
      source === "zip" && other.path === meta.path && other.size === meta.size && other.modified === meta.modified;
    const open = await this.#open(same);
    const wanted = { name: file.name, total: 0, source: "zip", zip: meta, ...this.page.choice(), ...this.page.about() };
    const made = open ? { ok: true, body: open } : await this.post(this.page.create, wanted);
    this.view = new View(this.texts, { name: file.name, total: 0, bytes: file.size });
    if (!made.ok) return this.view.refused(file.name, made.message);
    this.urls = made.body;
    const refused = open ? "" : await this.#list(made.body);
    if (refused) return this.view.refused(file.name, refused);
    if (open) this.view.draw(fill(this.texts.zip_goes_on, { number: open.number }));
    const failed = await this.#pieces(file, open?.received ?? 0);
    if (this.control.stopped) return this.cancel();
    if (failed) return this.#refused(file, failed);
    return this.#start(file, encoding);
  }

  async #pieces(file, from) {
    for (let at = from; at < file.size; ) {
      const options = {
        type: "application/octet-stream",
        onProgress: (loaded) => {
          this.view.sent = at + loaded;
          this.view.draw();
        },
        onWait: () => this.view.draw(this.texts.offline),
      };
      const url = `${this.urls.piece}?at=${at}&size=${file.size}`;
      const answer = await send(this.control, url, file.slice(at, at + PIECE), options);
      if (!answer.ok) return answer;
      this.view.sent = at = answer.body.received;
      this.view.draw("");
    }
    return null;
  }

  async #start(file, encoding) {
    const query = encoding ? `?${new URLSearchParams({ encoding })}` : "";
    const onWait = () => this.view.draw(this.texts.offline);
    const told = await read(this.control, this.urls.folders + query, onWait);
    if (told.stopped) return this.cancel();
    if (told.error !== undefined) return this.#refused(file, { status: 400, message: told.error });
    this.view.draw("");
    this.view.aside(true);
    const rules = await this.decide(file.name, told.total, told.folders, told.lists);
    this.view.aside(false);
    if (!rules) {
      await this.cancel();
      return this.view.draw(this.texts.called_off);
    }
    const answer = await this.post(this.urls.start + query, rules, onWait);
    if (answer.stopped) return this.cancel();
    // 409: the first try had come through and only its answer was lost, or another tab was faster. The report tells.
    if (answer.ok || answer.status === 409) return this.urls.report;
    return this.#refused(file, answer);
  }

  /** Only a refusal ends the import: after anything else the same file, chosen again, goes on where it stands. */
  async #refused(file, { status, message }) {
    const ended = status >= 400 && status < 500;
    this.view[ended ? "refused" : "problem"](file.name, message || this.texts.unreadable);
    if (ended) await this.cancel();
  }
}
