// Dropping a file, looking at what it holds, and sending it.

import { ask, headers, newKey } from "./api.js";
import { fill, h, one } from "./dom.js";
import { bytes, number } from "./format.js";
import { announce, say, tell } from "./notices.js";

const form = one("#import");
const input = one("#file");
const send = one("#send");
const drop = one("#drop");
const BEGINNING = 512 * 1024;
const BY_LINES = /\.(csv|tsv|tab|txt|ndjson|jsonl)$/i;
let looking = null;
let request = null;
let key = "";

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
  send.disabled = !file;
  looking?.abort();
  key = newKey();
  if (!file) return;
  if (file.size > Number(form.dataset.mostBytes)) {
    send.disabled = true;
    say(`The file has ${bytes(file.size)}; the server takes ${bytes(Number(form.dataset.mostBytes))}.`, "bad");
    return;
  }
  one("#preview").hidden = false;
  fill(one("#preview-content"), h("p", { class: "soft" }, "Looking at the file…"));
  const inPart = BY_LINES.test(file.name) && file.size > BEGINNING;
  if (!inPart && file.size > Number(form.dataset.previewBytes)) {
    fill(one("#preview-content"), h("p", {}, "The file is too large to be looked at before it is imported."));
    return;
  }
  const data = new FormData();
  data.append("file", inPart ? file.slice(0, BEGINNING) : file, file.name);
  data.append("whole", String(!inPart));
  looking = new AbortController();
  try {
    const answer = await ask(`/api/datasets/${form.dataset.dataset}/preview`, { method: "POST", body: data, signal: looking.signal });
    fill(one("#preview-content"), answer.tables.map((table) => tableOf(table, inPart)));
    announce(`${answer.tables.length} tables found.`);
  } catch (problem) {
    if (problem.name === "AbortError") return;
    fill(one("#preview-content"), h("div", { class: "note bad", role: "alert" }, h("p", {}, problem.message)));
  }
});

function tableOf(table, inPart) {
  const rows = table.row_count === null ? "" : `, ${number(table.row_count)} rows`;
  const names = table.columns.map((column) => column.name);
  return h("section", { class: "stack" },
    h("p", {}, h("strong", {}, table.key), `: ${names.length} columns${rows}. `,
      inPart ? h("span", { class: "soft" }, "As far as its beginning tells; later rows may widen a type",
        table.columns.some((column) => column.type === null) ? ", and settle that of a column without a value so far." : ".") : null),
    table.notes.map((note) => h("p", { class: "note warn" }, note)),
    h("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": `First rows of ${table.key}` },
      h("table", {},
        h("thead", {}, h("tr", {}, table.columns.map((column) =>
          h("th", { scope: "col", class: table.data.some((row) => typeof row[column.name] === "number") ? "number" : null }, column.name, h("br"), h("small", { class: "soft mono" }, column.type ?? "no value yet"))))),
        h("tbody", {}, table.data.map((row) => h("tr", {}, names.map((name) =>
          row[name] === null ? h("td", { class: "null" }, "NULL")
            : h("td", { class: typeof row[name] === "number" ? "number" : "" }, String(row[name])))))))));
}

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
  send.disabled = is;
}

function end(what) {
  busy(false);
  what();
}

window.addEventListener("beforeunload", (event) => {
  if (request && request.readyState > 0 && request.readyState < 4) event.preventDefault();
});
