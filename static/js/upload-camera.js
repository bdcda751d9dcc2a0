// Pictures from the camera into a class: each goes through the same bundles as any other file.

import { named } from "./upload-files.js";
import { Run } from "./upload-run.js";
import { View, fill } from "./upload-view.js";

const by = (id) => document.getElementById(id);
const QUALITY = 0.95;

/** The picture that the camera shows now, as a file. */
function shot(video, number) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  const name = `camera-${new Date().toISOString().replace(/[:.]/g, "-")}-${number}.jpg`;
  return new Promise((resolve) =>
    canvas.toBlob((blob) => resolve(new File([blob], name, { type: "image/jpeg", lastModified: Date.now() })), "image/jpeg", QUALITY),
  );
}

async function open(video) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } }, audio: false });
  video.srcObject = stream;
  await video.play();
  return stream;
}

/** The run of one dialog; its import is begun with the first picture. */
class Shooting extends Run {
  count = 0;
  #begun = null;
  #line = Promise.resolve();

  async take(file, className) {
    this.count += 1;
    // A slash would be a folder more.
    const folder = className.trim().replaceAll("/", "／");
    this.#line = this.#line.then(() => this.#send({ file, path: folder ? `${folder}/${file.name}` : file.name }));
    await this.#line;
  }

  async #send(item) {
    this.#begun ??= this.post(this.page.create, {
      name: this.texts.camera_name,
      total: 0,
      labels: true,
      splits: false,
      ...this.page.about(),
    });
    const made = await this.#begun;
    if (!made.ok) return this.view.draw(made.message);
    this.urls = made.body;
    this.view.bytes += named(item).size;
    this.view.total += 1;
    return this.one(item);
  }

  async end() {
    await this.#line;
    if (!this.urls) return undefined;
    await this.post(this.urls.finish, {});
    return this.urls.report;
  }
}

function until(dialog) {
  return new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
}

async function shoot(page, control) {
  const [dialog, video, texts] = [by("camera"), by("camera-video"), page.texts];
  const run = new Shooting(page, control);
  by("camera-error").hidden = true;
  by("camera-count").textContent = "";
  dialog.showModal();
  let stream;
  try {
    stream = await open(video);
  } catch (error) {
    by("camera-error").textContent = fill(texts.camera_refused, { reason: error.name });
    by("camera-error").hidden = false;
  }
  by("camera-take").disabled = !stream;
  run.view = new View(texts, { name: texts.camera_name, total: 0, bytes: 0 });
  const shots = [];
  const take = async () => {
    run.take(await shot(video, run.count + 1), by("camera-class").value);
    by("camera-count").textContent = fill(texts.camera_taken, { count: run.count });
  };
  by("camera-take").onclick = () => shots.push(take());
  await until(dialog);
  by("camera-take").onclick = null;
  for (const track of stream?.getTracks() ?? []) track.stop();
  video.srcObject = null;
  await Promise.all(shots); // the last one may still be on its way to become a file
  const report = await run.end();
  if (!report) by("running").hidden = true;
  return report;
}

/** Make the camera button work where the browser has a camera to offer (https or this machine). */
export function camera(page, start, control) {
  const button = by("pick-camera");
  button.hidden = !navigator.mediaDevices?.getUserMedia;
  button.addEventListener("click", () =>
    start(async () => {
      const report = await shoot(page, control());
      if (report) page.leave(report);
    }),
  );
  by("camera-done").addEventListener("click", () => by("camera").close());
}
