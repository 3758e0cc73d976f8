// The import form: choose a file, see its first rows, import it, and land on the rows. The form creates a new
// dataset when its first file is imported. With data-auto a file without questions is imported at once.

import { callApi, headers, newKey, sessionEnded, sessionState, urlWith } from "./api.js";
import { columnNote } from "./column_changes.js";
import { fill, h, inList, listed, one } from "./dom.js";
import { bytes } from "./format.js";
import { body, clearMarks, mark, warnNext } from "./forms.js";
import { importOptions } from "./import_options.js";
import { previewOf, problemNotes, showPreview } from "./import_preview.js";
import { watchJob } from "./live.js";
import { announce, notify, reportProblem } from "./notices.js";
import { requestCode } from "./request_code.js";
import { LABELS, failureOf } from "./words.js";

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
let source = null; // the chosen file, or the text of a URL
let savedName = ""; // the name of the dataset that this form created

const showCode = isAuto ? () => {} : requestCode(one("#as-code"));
showCode(null);
form.addEventListener("input", () => showRequest());

/** The request that imports the source, as code. */
function showRequest() {
  if (!source || !options) return showCode(null);
  const [message, values] = [one("#commit_message").value.trim(), options.values()];
  const isUri = typeof source === "string";
  const given = {
    ...(isUri ? { uri: source } : {}),
    ...(message ? { commit_message: message } : {}),
    ...(Object.keys(values).length ? { options: values } : {}),
    ...(isRequired() ? { require_columns: true } : {}),
    ...keyField(),
  };
  showCode({
    path: `/api/datasets/${dataset || "{dataset_id}"}/refs/${encodeURIComponent(versionName())}/import`,
    body: given, file: isUri ? null : source.name, new_dataset: dataset ? null : name.value.trim() || nameOf(isUri ? source : source.name),
  });
}

one("#options").open = matchMedia("(min-width: 40rem)").matches;

Object.assign(LABELS, { uri: "URL" });
const address = (id) => `/api/datasets/${id}`;
const versionName = () => one("#ref")?.value ?? "main";
const rowKey = one("#row_key");
let proposedKey = ""; // null once the user typed a key
rowKey.addEventListener("input", () => { proposedKey = null; });
function keyField() {
  const numbers = one("#duplicates").checked;
  const columns = rowKey.value === rowKey.defaultValue && !numbers ? [] : listed(rowKey.value);
  return { ...(columns.length ? { row_key: columns } : {}), ...(numbers ? { duplicates: "number" } : {}) };
}
const isRequired = () => Boolean(one("#require_columns")?.checked);
for (const id of ["#ref", "#require_columns"]) one(id)?.addEventListener("change", () => { if (source && options) { key = newKey(); read(); } });

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
  reset(file ?? null);
  if (one("#from-uri")) one("#from-uri").hidden = Boolean(file);
  drop.classList.toggle("filled", Boolean(file));
  if (!file) return;
  proposeName(file.name);
  if (file.size > maxBytes) {
    notify(`The file has ${bytes(file.size)}. The server accepts at most ${bytes(maxBytes)}.`, "bad");
    return;
  }
  const isReady = await readWithOptions(file.name);
  if (!isAuto) return;
  if (isReady) form.requestSubmit();
  else one("#target").hidden = false;
});

/** Choose a source, or none: remove the preview of another. */
function reset(chosen) {
  source = chosen;
  options = null;
  showCode(null);
  preview?.abort();
  key = newKey();
  allow(false);
  one("#reading").hidden = !source;
  fill(one("#problems"));
  fill(one("#questions"));
  fill(one("#preview"));
  one("#options").hidden = true;
}

function readWithOptions(fileName) {
  options = importOptions(fileName, () => { key = newKey(); read(); });
  return read();
}

/** Preview the source; returns whether it can be imported without a question or a warning. */
async function read() {
  preview?.abort();
  showRequest();
  preview = new AbortController();
  const box = one("#preview");
  box.setAttribute("aria-busy", "true");
  if (!box.firstChild) fill(box, h("p", { class: "soft" }, "Loading the preview…"));
  allow(true); // an import needs no preview
  const found = await previewOf(source, options.values(), {
    path: `${dataset ? address(dataset) : "/api/datasets"}/preview`, ref: dataset ? versionName() : null, maxBytes: Number(form.dataset.previewBytes),
    endings: input.accept.split(","), signal: preview.signal,
  });
  if (!found) return false;
  box.removeAttribute("aria-busy");
  const focused = document.activeElement?.id; // the controls are made anew
  fill(one("#problems"), problemNotes(found), columnNote(found.column_changes, isRequired()));
  options.showBar(one("#options"), found.tables);
  options.showQuestions(one("#questions"), found.tables);
  showPreview(box, found, options.columnHead);
  if (!isAuto && !rowKey.defaultValue && proposedKey !== null) {
    proposedKey = found.tables.length === 1 ? found.tables[0].row_key.map(inList).join(", ") : "";
    rowKey.value = proposedKey;
    showRequest();
  }
  if (focused) document.getElementById(focused)?.focus();
  allow(!found.refusal);
  return !found.refusal && !found.warning && !found.problems.length && !options.isOpen();
}

function allow(is) {
  canSend = is;
  send.disabled = !is;
}

/** Create the dataset, or rename the one of a failed import; returns its id, or undefined after reporting an error. */
async function saveDataset() {
  clearMarks(form);
  const given = body(form);
  if (dataset && given.name === savedName) return dataset;
  const json = { name: given.name, description: given.description, tags: given.tags };
  const [path, method] = dataset ? [address(dataset), "PATCH"] : ["/api/datasets", "POST"];
  for (let number = 2; ; number += 1) {
    try {
      const { id } = await callApi(path, { method, json });
      savedName = given.name;
      if (json.name !== given.name) warnNext(`The name ${given.name} is taken, so the dataset is called ${json.name}.`);
      return id;
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
  const id = await saveDataset();
  if (id) location.assign(`/datasets/${id}`);
});

/** Import into the dataset. A new one is created; it is deleted if the server accepted no job for it. */
async function importInto(start) {
  busy(true);
  const isNew = !dataset;
  const id = name ? await saveDataset() : dataset;
  if (!id) return busy(false);
  dataset = id;
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
  if (source && canSend) importInto((end) => (typeof source === "string" ? submitUri(source, end) : upload(source, end)));
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
  const fileName = decodeURIComponentSafely(given.replace(/\/$/, "").split("/").at(-1));
  proposeName(fileName);
  reset(given);
  readWithOptions(fileName);
});
uri?.addEventListener("input", () => { if (source) reset(null); });

/** Submit the import of a URL. On failure, call end as upload does. */
async function submitUri(given, end) {
  try {
    const [message, values] = [one("#commit_message").value, options.values()];
    const json = { uri: given, ...(message ? { commit_message: message } : {}), ...(Object.keys(values).length ? { options: values } : {}), ...(isRequired() ? { require_columns: true } : {}), ...keyField() };
    const path = `${address(dataset)}/refs/${encodeURIComponent(versionName())}/import`;
    follow((await callApi(path, { json })).job_id, end);
  } catch (problem) {
    end(Boolean(problem.status), () => { if (!mark(form, problem.errors ?? [])) reportProblem(problem); });
  }
}

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
  if (isRequired()) data.append("require_columns", "true");
  for (const [field, value] of Object.entries(keyField())) data.append(field, typeof value === "string" ? value : JSON.stringify(value));
  data.append("file", file, file.name);
  request = new XMLHttpRequest(); // fetch has no upload progress
  request.open("POST", `${address(dataset)}/refs/${encodeURIComponent(versionName())}/import`);
  for (const [header, value] of Object.entries(headers({ "Idempotency-Key": key }))) request.setRequestHeader(header, value);
  request.upload.addEventListener("progress", (event) => {
    progress(event.loaded / event.total, `${bytes(event.loaded)} of ${bytes(event.total)} uploaded`);
  });
  request.addEventListener("load", async () => {
    const answer = JSON.parse(request.responseText || "{}");
    const state = [401, 403].includes(request.status) ? await sessionState().catch(() => "same") : "same";
    if (request.status === 200) follow(answer.job_id, end);
    else if (state === "renewed") upload(file, end);
    else if (state !== "same") end(true, () => reportProblem(sessionEnded(state)));
    else end(true, () => notify(answer.detail ?? `The server responded with status ${request.status}.`, "bad"));
  });
  request.addEventListener("error", () => end(false, () => reportProblem(new TypeError("no answer"))));
  request.addEventListener("abort", () => end(true, () => notify("Upload stopped. Nothing was imported.", "warn")));
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
      one("#target").hidden = false;
      end(false, () => fill(one("#problems"), h("div", { class: "note bad", role: "alert" },
        h("p", {}, failureOf(job), job.error_code === "columns_changed" ? " " : " Nothing was imported. ", h("a", { href: `/jobs/${jobId}` }, "Open job")))));
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
