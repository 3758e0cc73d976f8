// Dropping a file, looking at what it holds, and sending it.

import { headers, newKey } from "./api.js";
import { one } from "./dom.js";
import { bytes } from "./format.js";
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
    path: `/api/datasets/${form.dataset.dataset}/preview`, most: Number(form.dataset.previewBytes),
    endings: input.accept.split(","), signal: looking.signal,
  });
  if (may === null) return;
  refused = !may;
  if (refused) send.disabled = true;
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const [file] = input.files;
  const data = new FormData();
  data.append("commit_message", one("#commit_message").value);
  data.append("file", file, file.name);
  if (!one("#commit_message").value) data.delete("commit_message");
  request = new XMLHttpRequest(); // fetch can't tell how much was sent
  request.open("POST", `/api/datasets/${form.dataset.dataset}/refs/${encodeURIComponent(one("#ref").value)}/import`);
  for (const [name, value] of Object.entries(headers({ "Idempotency-Key": key }))) request.setRequestHeader(name, value);
  request.upload.addEventListener("progress", (sent) => {
    one("#sent").value = sent.loaded / sent.total;
    one("#sending-message").textContent = `${bytes(sent.loaded)} of ${bytes(sent.total)} sent`;
  });
  request.addEventListener("load", () => {
    const answer = JSON.parse(request.responseText || "{}");
    if (request.status === 200) location.assign(`/jobs/${answer.job_id}`);
    else end(() => say(answer.detail ?? `The server answered ${request.status}.`, "bad"));
  });
  request.addEventListener("error", () => end(() => tell(new TypeError("no answer"))));
  request.addEventListener("abort", () => end(() => say("Stopped; nothing was imported.")));
  busy(true);
  request.send(data);
});
one("#stop").addEventListener("click", () => request?.abort());

function busy(is) {
  one("#sending").hidden = !is;
  one("#stop").hidden = !is;
  send.disabled = is || refused;
}

function end(what) {
  busy(false);
  what();
}

window.addEventListener("beforeunload", (event) => {
  if (request && request.readyState > 0 && request.readyState < 4) event.preventDefault();
});
