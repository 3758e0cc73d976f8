// Dropping a file, looking at what it holds, and sending it: into a dataset, or into a new one.

import { ask, headers, newKey } from "./api.js";
import { one } from "./dom.js";
import { bytes } from "./format.js";
import { body, mark, unmark } from "./forms.js";
import { lookAt } from "./import_look.js";
import { say, tell } from "./notices.js";

const form = one("#import");
const input = one("#file");
const send = one("#send");
const drop = one("#drop");
let looking = null;
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
  looking?.abort();
  key = newKey();
  refused = Boolean(file) && file.size > Number(form.dataset.mostBytes);
  send.disabled = !file || refused;
  one("#preview").hidden = send.disabled;
  if (!file) return;
  if (refused) {
    say(`The file has ${bytes(file.size)}; the server takes ${bytes(Number(form.dataset.mostBytes))}.`, "bad");
    return;
  }
  looking = new AbortController();
  const may = await lookAt(file, one("#preview-content"), {
    path: `${dataset ? address(dataset) : "/api/datasets"}/preview`, most: Number(form.dataset.previewBytes),
    endings: input.accept.split(","), signal: looking.signal,
  });
  if (may === null) return;
  refused = !may;
  if (refused) send.disabled = true;
});

/** Make the dataset that the form is about; returns its id, or undefined once it is told why not. */
async function made() {
  unmark(form);
  const { name, description, tags } = body(form);
  try {
    return (await ask("/api/datasets", { json: { name, description, tags } })).id;
  } catch (problem) {
    if (!mark(form, problem.errors ?? [])) tell(problem);
    return undefined;
  }
}

one("#make")?.addEventListener("click", async () => {
  if (!one("#name").reportValidity()) return;
  const id = await made();
  if (id) location.assign(`/datasets/${id}`);
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const [file] = input.files;
  busy(true);
  const isNew = !dataset;
  if (isNew) dataset = await made();
  if (!dataset) return busy(false);
  sendFile(file, async (arrived, why) => {
    // Of a new dataset nothing is left when its file didn't arrive.
    if (isNew && !arrived && await ask(address(dataset), { method: "DELETE" }).then(() => true, () => false)) {
      dataset = "";
      key = newKey();
    }
    busy(false);
    why();
  });
});

/** Send a file; end is told whether it may have arrived, and how to say what went wrong. */
function sendFile(file, end) {
  const data = new FormData();
  if (one("#commit_message").value) data.append("commit_message", one("#commit_message").value);
  data.append("file", file, file.name);
  request = new XMLHttpRequest(); // fetch can't tell how much was sent
  request.open("POST", `${address(dataset)}/refs/${encodeURIComponent(one("#ref")?.value ?? "main")}/import`);
  for (const [name, value] of Object.entries(headers({ "Idempotency-Key": key }))) request.setRequestHeader(name, value);
  request.upload.addEventListener("progress", (sent) => {
    one("#sent").value = sent.loaded / sent.total;
    one("#sending-message").textContent = `${bytes(sent.loaded)} of ${bytes(sent.total)} sent`;
  });
  request.addEventListener("load", () => {
    const answer = JSON.parse(request.responseText || "{}");
    if (request.status === 200) location.assign(`/jobs/${answer.job_id}`);
    else end(false, () => say(answer.detail ?? `The server answered ${request.status}.`, "bad"));
  });
  request.addEventListener("error", () => end(true, () => tell(new TypeError("no answer"))));
  request.addEventListener("abort", () => end(false, () => say("Stopped; nothing was imported.")));
  request.send(data);
}
one("#stop").addEventListener("click", () => request?.abort());

function busy(is) {
  one("#sending").hidden = !is;
  one("#stop").hidden = !is;
  send.disabled = is || refused;
  if (one("#make")) one("#make").disabled = is;
}

window.addEventListener("beforeunload", (event) => {
  if (request && request.readyState > 0 && request.readyState < 4) event.preventDefault();
});
