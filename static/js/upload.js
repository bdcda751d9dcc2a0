// The import page: takes files, folders and zips by drop, choice or paste and hands them to a Run, one after the other.

import { camera } from "./upload-camera.js";
import { chosen, dropped } from "./upload-files.js";
import { Run } from "./upload-run.js";
import { Control } from "./upload-send.js";

const root = document.querySelector("#import");
const by = (id) => document.getElementById(id);
const page = {
  ...JSON.parse(by("import-texts").textContent),
  ...root.dataset,
  leave: (report) => {
    busy = false;
    location.assign(report);
  },
  choice: () => ({ labels: by("labels").checked, splits: by("splits").checked }),
  about: () => ({ origin: by("origin").value, licence: by("licence").value, publish: by("publish").value }),
  list: () => by("list").files[0],
};
const { texts } = page;
let busy = false;
let control;

function buttons(running) {
  for (const id of ["running-pause", "running-cancel"]) by(id).hidden = !running;
  by("running-pause").textContent = texts.pause;
}

async function start(work) {
  if (busy) return;
  busy = true;
  control = new Control();
  root.classList.add("busy");
  buttons(true);
  try {
    await work();
  } finally {
    busy = false;
    root.classList.remove("busy");
    buttons(false);
  }
}

/** The files of a run that could not be sent stay on offer. */
function offerAgain(run) {
  by("running-report").href = run.urls.report;
  by("running-report").hidden = by("running-again").hidden = false;
  by("running-again").onclick = () =>
    start(async () => {
      by("running-again").hidden = true;
      run.control = control;
      const report = await run.send(run.failed);
      if (report) page.leave(report);
      else offerAgain(run);
    });
}

async function sendAll(zips, files) {
  let report;
  for (const { file } of zips) report = (await new Run(page, control).zip(file, by("encoding").value)) ?? report;
  if (files.length && !control.stopped) {
    const run = new Run(page, control);
    report = await run.files(files);
    if (run.failed.length) offerAgain(run);
  }
  if (report) page.leave(report);
}

function take(items) {
  by("nothing").hidden = items.length > 0;
  if (!items.length) return;
  const isZip = (item) => /\.(zip|npz)$/i.test(item.file.name); // arrays of NumPy are a zip, too
  start(() => sendAll(items.filter(isZip), items.filter((item) => !isZip(item))));
}

root.classList.add("live");
by("running-pause").addEventListener("click", () => {
  if (control.paused) control.resume();
  else control.pause();
  by("running-pause").textContent = control.paused ? texts.resume : texts.pause;
});
by("running-cancel").addEventListener("click", () => {
  control.stop();
  if (!by("plan").hidden) by("plan-cancel").click();
});
for (const input of root.querySelectorAll("#pick-files, #pick-folder")) {
  input.addEventListener("change", () => {
    take(chosen([...input.files], page.splits));
    input.value = "";
  });
}
const zone = by("drop");
for (const name of ["dragenter", "dragover"]) {
  zone.addEventListener(name, (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
}
zone.addEventListener("dragleave", () => zone.classList.remove("over"));
zone.addEventListener("drop", async (event) => {
  event.preventDefault();
  zone.classList.remove("over");
  take(await dropped(event.dataTransfer, page.splits));
});
camera(page, start, () => control);
// Enter in a field would send the plain form, which is empty here.
by("import-files").addEventListener("submit", (event) => event.preventDefault());
addEventListener("paste", (event) => {
  if (event.clipboardData?.files.length) take(chosen([...event.clipboardData.files], page.splits));
});
addEventListener("beforeunload", (event) => {
  if (busy) event.preventDefault();
});
