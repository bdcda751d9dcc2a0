// What undo and redo of label mode lead back through: one step for each label or mark given on this page.

export class Steps {
  #saver;
  #show;
  #done = [];
  #undone = [];

  /** `show(step, value)` gives `step.item` the value again and leads back to it. */
  constructor(saver, show) {
    this.#saver = saver;
    this.#show = show;
  }

  /** `step` is {item, field, requestId, before, after}; without a request nothing had to be changed. */
  push(step) {
    this.#done.push(step);
    this.#undone = [];
  }

  /** Forget the step of a request that was refused, and return it. */
  drop(requestId) {
    const step = this.#done.find((one) => one.requestId === requestId);
    this.#done = this.#done.filter((one) => one !== step);
    return step;
  }

  undo() {
    const step = this.#done.pop();
    if (!step) {
      this.#saver.undo(); // of an earlier visit: the answer says which picture
      return;
    }
    this.#undone.push(step);
    if (step.requestId) {
      this.#saver.undo(step.requestId);
    }
    this.#show(step, step.before);
  }

  redo() {
    const step = this.#undone.pop();
    if (!step) {
      this.#saver.redo();
      return;
    }
    this.#done.push(step);
    if (step.requestId) {
      this.#saver.redo(step.requestId);
    }
    this.#show(step, step.after);
  }
}
