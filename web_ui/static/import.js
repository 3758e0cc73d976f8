// The import form: choose a file, see its first rows, import it, and land on the rows. The form creates a new
// dataset when its first file is imported. With data-auto a file without questions is imported at once.

import { callApi, headers, newKey, urlWith } from "./api.js";
import { fill, h, one } from "./dom.js";
import { bytes } from "./format.js";
import { body, clearMarks, mark } from "./forms.js";
import { importOptions } from "./import_options.js";
import { previewOf, problemNotes, showPreview } from "./import_preview.js";
import { watchJob } from "./live.js";
import { announce, notify, reportProblem } from "./notices.js";
import { LABELS } from "./words.js";

const MAX_SAME_NAMES = 20;
const form = one("#import");
const input = one("#file");
const send = one("#send");
const drop = one("#drop");
const name = one("#name");
const uri = one("#uri");
const isAuto = form.dataset.auto !== undefined;
const maxBytes = Number(form.dataset.maxBytes);
let dataset = form.dataset.dataset;
let options = null;
let preview = null;
let request = null;
let key = "";
let canSend = false;
let proposed = "";

one("#options").open = matchMedia("(min-width: 40rem)").matches;

Object.assign(LABELS, { uri: "URL" });
const address = (id) => `/api/datasets/${id}`;
const versionName = () => one("#ref")?.value ?? "main";

// A file may be dropped anywhere on the page; otherwise the browser would open it.
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
}
for (const kind of ["dragleave", "drop"]) document.addEventListener(kind, () => drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length) {
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change"));
  }
});

/** "Ledger 2025.csv.gz" → "Ledger 2025": the name that a new dataset takes from its file. */
function nameOf(fileName) {
  return fileName.replace(/\.gz$/i, "").replace(/\.[a-z]+$/i, "").replace(/\/$/, "").slice(0, 200).trim() || fileName.slice(0, 200);
}

function proposeName(fileName) {
  if (!name || (name.value && name.value !== proposed)) return;
  proposed = nameOf(fileName);
  name.value = proposed;
}

input.addEventListener("change", async () => {
  const [file] = input.files;
  preview?.abort();
  key = newKey();
  allow(false);
  one("#reading").hidden = !file;
  if (one("#from-uri")) one("#from-uri").hidden = Boolean(file);
  drop.classList.toggle("filled", Boolean(file));
  fill(one("#problems"));
  fill(one("#questions"));
  fill(one("#preview"));
  one("#options").hidden = true;
  if (!file) return;
  proposeName(file.name);
  if (file.size > maxBytes) {
    notify(`The file has ${bytes(file.size)}. The server accepts at most ${bytes(maxBytes)}.`, "bad");
    return;
  }
  options = importOptions(file.name, () => { key = newKey(); read(file); });
  const isReady = await read(file);
  if (!isAuto) return;
  if (isReady) form.requestSubmit();
  else one("#target").hidden = false;
});

/** Preview the file; returns whether it can be imported without a question or a warning. */
async function read(file) {
  preview?.abort();
  preview = new AbortController();
  const box = one("#preview");
  box.setAttribute("aria-busy", "true");
  if (!box.firstChild) fill(box, h("p", { class: "soft" }, "Loading the preview…"));
  allow(true); // an import needs no preview
  const found = await previewOf(file, options.values(), {
    path: `${dataset ? address(dataset) : "/api/datasets"}/preview`, maxBytes: Number(form.dataset.previewBytes),
    endings: input.accept.split(","), signal: preview.signal,
  });
  if (!found) return false;
  box.removeAttribute("aria-busy");
  const focused = document.activeElement?.id; // the controls are made anew
  fill(one("#problems"), problemNotes(found));
  options.showBar(one("#options"), found.tables);
  options.showQuestions(one("#questions"), found.tables);
  showPreview(box, found, options.columnHead);
  if (focused) document.getElementById(focused)?.focus();
  allow(!found.refusal);
  return !found.refusal && !found.warning && !found.problems.length && !options.isOpen();
}

function allow(is) {
  canSend = is;
  send.disabled = !is;
}

/** Create the dataset; returns its id, or undefined after reporting an error. */
async function createDataset() {
  clearMarks(form);
  const given = body(form);
  const json = { name: given.name, description: given.description, tags: given.tags };
  for (let number = 2; ; number += 1) {
    try {
      return (await callApi("/api/datasets", { json })).id;
    } catch (problem) {
      if (problem.status === 409 && name.value === proposed && number <= MAX_SAME_NAMES) {
        json.name = `${proposed} ${number}`;
        continue;
      }
      one("#target").hidden = false;
      if (!mark(form, problem.errors ?? [])) reportProblem(problem);
      return undefined;
    }
  }
}

one("#create")?.addEventListener("click", async () => {
  if (!name.reportValidity()) return;
  const id = await createDataset();
  if (id) location.assign(`/datasets/${id}`);
});

/** Import into the dataset, which is created if it is new and deleted if nothing came of it. */
async function importInto(start) {
  busy(true);
  const isNew = !dataset;
  if (isNew) dataset = await createDataset();
  if (!dataset) return busy(false);
  start(async (canDelete, report) => {
    if (isNew && canDelete && await callApi(address(dataset), { method: "DELETE" }).then(() => true, () => false)) {
      dataset = "";
      key = newKey();
    }
    busy(false);
    report();
  });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const [file] = input.files;
  if (file && canSend) importInto((end) => upload(file, end));
});

uri?.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  one("#send-uri").click();
});

one("#send-uri")?.addEventListener("click", () => {
  const given = uri.value.trim();
  clearMarks(form);
  if (!given) return uri.focus();
  proposeName(decodeURIComponentSafely(given.replace(/\/$/, "").split("/").at(-1)));
  one("#reading").hidden = false;
  importInto(async (end) => {
    try {
      const message = one("#commit_message").value;
      const json = { uri: given, ...(message ? { commit_message: message } : {}) };
      const path = `${address(dataset)}/refs/${encodeURIComponent(versionName())}/import`;
      follow((await callApi(path, { json })).job_id, end);
    } catch (problem) {
      end(Boolean(problem.status), () => { if (!mark(form, problem.errors ?? [])) reportProblem(problem); });
    }
  });
});

function decodeURIComponentSafely(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Upload a file. On failure, call end(whether nothing arrived, a function that reports the error). */
function upload(file, end) {
  const data = new FormData();
  if (one("#commit_message").value) data.append("commit_message", one("#commit_message").value);
  const values = options.values();
  if (Object.keys(values).length) data.append("options", JSON.stringify(values));
  data.append("file", file, file.name);
  request = new XMLHttpRequest(); // fetch has no upload progress
  request.open("POST", `${address(dataset)}/refs/${encodeURIComponent(versionName())}/import`);
  for (const [header, value] of Object.entries(headers({ "Idempotency-Key": key }))) request.setRequestHeader(header, value);
  request.upload.addEventListener("progress", (event) => {
    progress(event.loaded / event.total, `${bytes(event.loaded)} of ${bytes(event.total)} uploaded`);
  });
  request.addEventListener("load", () => {
    const answer = JSON.parse(request.responseText || "{}");
    if (request.status === 200) follow(answer.job_id, end);
    else end(true, () => notify(answer.detail ?? `The server responded with status ${request.status}.`, "bad"));
  });
  request.addEventListener("error", () => end(false, () => reportProblem(new TypeError("no answer"))));
  request.addEventListener("abort", () => end(true, () => notify("Upload stopped. Nothing was imported.")));
  request.send(data);
}
one("#stop").addEventListener("click", () => request?.abort());

/** Show the job's progress, then the imported rows. */
function follow(jobId, end) {
  one("#stop").hidden = true;
  fill(one("#job-link"), h("a", { href: `/jobs/${jobId}` }, "Open job"));
  watchJob(jobId, (job) => {
    if (job.status === "completed") {
      announce("The import is complete.");
      location.assign(urlWith(`/datasets/${dataset}`, { ref: versionName() === "main" ? "" : versionName(), imported: jobId }));
    } else if (job.status === "failed") {
      key = newKey();
      end(true, () => fill(one("#problems"), h("div", { class: "note bad", role: "alert" }, h("p", {}, job.error_message))));
    } else {
      progress(job.progress / 100, job.status === "pending" ? "Waiting for other imports" : job.progress_message || "Reading the file");
    }
  }, (lost) => { if (lost) progress(0, "The server does not respond. Retrying."); });
}

function progress(fraction, message) {
  one("#progress").value = fraction;
  one("#progress-message").textContent = message;
}

function busy(is) {
  one("#importing").hidden = !is;
  one("#stop").hidden = !is;
  fill(one("#job-link"));
  progress(0, "");
  send.disabled = is || !canSend;
  for (const id of ["#create", "#send-uri"]) if (one(id)) one(id).disabled = is;
}

window.addEventListener("beforeunload", (event) => {
  if (request && request.readyState > 0 && request.readyState < 4) event.preventDefault();
});
