// The import form: preview a file, create its dataset if it is new, upload the file.

import { callApi, headers, newKey } from "./api.js";
import { one } from "./dom.js";
import { bytes } from "./format.js";
import { body, mark, clearMarks } from "./forms.js";
import { showPreview } from "./import_preview.js";
import { notify, reportProblem } from "./notices.js";

const form = one("#import");
const input = one("#file");
const send = one("#send");
const drop = one("#drop");
let preview = null;
let request = null;
let key = "";
let refused = false;
let dataset = form.dataset.dataset;

const address = (id) => `/api/datasets/${id}`;

for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
}
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length) {
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change"));
  }
});

input.addEventListener("change", async () => {
  const [file] = input.files;
  preview?.abort();
  key = newKey();
  refused = Boolean(file) && file.size > Number(form.dataset.maxBytes);
  send.disabled = !file || refused;
  one("#preview").hidden = send.disabled;
  if (!file) return;
  if (refused) {
    notify(`The file has ${bytes(file.size)}. The server accepts at most ${bytes(Number(form.dataset.maxBytes))}.`, "bad");
    return;
  }
  preview = new AbortController();
  const canImport = await showPreview(file, one("#preview-content"), {
    path: `${dataset ? address(dataset) : "/api/datasets"}/preview`, maxBytes: Number(form.dataset.previewBytes),
    endings: input.accept.split(","), signal: preview.signal,
  });
  if (canImport === null) return;
  refused = !canImport;
  if (refused) send.disabled = true;
});

/** Create the dataset; returns its id, or undefined after reporting an error. */
async function createDataset() {
  clearMarks(form);
  const { name, description, tags } = body(form);
  try {
    return (await callApi("/api/datasets", { json: { name, description, tags } })).id;
  } catch (problem) {
    if (!mark(form, problem.errors ?? [])) reportProblem(problem);
    return undefined;
  }
}

one("#create")?.addEventListener("click", async () => {
  if (!one("#name").reportValidity()) return;
  const id = await createDataset();
  if (id) location.assign(`/datasets/${id}`);
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const [file] = input.files;
  busy(true);
  const isNew = !dataset;
  if (isNew) dataset = await createDataset();
  if (!dataset) return busy(false);
  upload(file, async (arrived, report) => {
    // Delete the new dataset if its file did not arrive.
    if (isNew && !arrived && await callApi(address(dataset), { method: "DELETE" }).then(() => true, () => false)) {
      dataset = "";
      key = newKey();
    }
    busy(false);
    report();
  });
});

/** Upload a file. On failure, call end(whether the file may have arrived, a function that reports the error). */
function upload(file, end) {
  const data = new FormData();
  if (one("#commit_message").value) data.append("commit_message", one("#commit_message").value);
  data.append("file", file, file.name);
  request = new XMLHttpRequest(); // fetch has no upload progress
  request.open("POST", `${address(dataset)}/refs/${encodeURIComponent(one("#ref")?.value ?? "main")}/import`);
  for (const [name, value] of Object.entries(headers({ "Idempotency-Key": key }))) request.setRequestHeader(name, value);
  request.upload.addEventListener("progress", (event) => {
    one("#upload").value = event.loaded / event.total;
    one("#upload-message").textContent = `${bytes(event.loaded)} of ${bytes(event.total)} uploaded`;
  });
  request.addEventListener("load", () => {
    const answer = JSON.parse(request.responseText || "{}");
    if (request.status === 200) location.assign(`/jobs/${answer.job_id}`);
    else end(false, () => notify(answer.detail ?? `The server responded with status ${request.status}.`, "bad"));
  });
  request.addEventListener("error", () => end(true, () => reportProblem(new TypeError("no answer"))));
  request.addEventListener("abort", () => end(false, () => notify("Upload stopped. Nothing was imported.")));
  request.send(data);
}
one("#stop").addEventListener("click", () => request?.abort());

function busy(is) {
  one("#uploading").hidden = !is;
  one("#stop").hidden = !is;
  send.disabled = is || refused;
  if (one("#create")) one("#create").disabled = is;
}

window.addEventListener("beforeunload", (event) => {
  if (request && request.readyState > 0 && request.readyState < 4) event.preventDefault();
});
