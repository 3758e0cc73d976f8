// Attach files that stay where they are: name them, see the table that they make, attach it, land on its rows.

import { callApi, newKey } from "./api.js";
import { columnNote } from "./column_changes.js";
import { fill, h, one } from "./dom.js";
import { bytes, number, time } from "./format.js";
import { clearMarks, mark } from "./forms.js";
import { watchJob } from "./live.js";
import { reportProblem } from "./notices.js";
import { LABELS, failureOf, typeName } from "./words.js";

const form = one("#attach");
const { dataset } = form.dataset;
const [connection, uris, tableKey, result, state, format, version] = ["#connection", "#uris", "#attach-table", "#attached", "#attach-state", "#attach-format", "#attach-version"].map((id) => one(id));
const [preview, send] = [one("#attach-preview"), one("#attach-send")];
let current = null;
let key = newKey();

Object.assign(LABELS, { uri: "Files and folders", table_key: "Name of the table", version: "Version of the table" });

function table() {
  const given = uris.value.split("\n").map((line) => line.trim()).filter(Boolean);
  return { uri: given, connection: connection.value, ...(format.value === "parquet" ? {} : { format: format.value, ...(version.value.trim() ? { version: version.value.trim() } : {}) }), ...(tableKey.value.trim() ? { table_key: tableKey.value.trim() } : {}) };
}

/** The prefix of the connection begins a first line that nobody has changed. */
function begin() {
  version.closest("span").hidden = format.value === "parquet";
  const prefixes = [...connection.options].map((option) => option.dataset.prefix);
  if (!uris.value.trim() || prefixes.includes(uris.value.trim())) uris.value = connection.selectedOptions[0].dataset.prefix;
  reset();
}

function reset() {
  current?.abort();
  key = newKey();
  send.disabled = true;
  fill(result);
}

const figure = (title, value, more) => h("div", { class: "figure" }, h("dt", {}, title), h("dd", {}, value), more ? h("dd", {}, more) : null);
const row = (cells) => h("tr", {}, cells);

function shown(found) {
  const { source } = found;
  const rest = found.file_count - found.files.length;
  return [
    h("dl", { class: "figures" }, figure("Rows", number(found.row_count)), figure("Files", number(found.file_count)),
      figure("Columns", number(found.columns.length)), figure("Size", bytes(found.size_bytes), "is not copied"),
      source ? figure(source.format === "iceberg" ? "Snapshot" : "Version", source.version, source.committed_at ? time(source.committed_at) : null) : null,
      source ? figure("Deleted rows", number(source.deleted_rows), "are left out") : null,
      found.partition_columns.length ? figure("Partitions", number(found.partition_columns.length), found.partition_columns.join(", ")) : null),
    found.notes.length ? h("div", { class: "notes" }, h("ul", {}, found.notes.map((note) => h("li", {}, note)))) : null,
    h("div", { class: "sides" },
      h("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Files" }, h("table", {},
        h("thead", {}, row([h("th", { scope: "col" }, "File"), h("th", { scope: "col", class: "number" }, "Rows"), h("th", { scope: "col", class: "number" }, "Size")])),
        h("tbody", {}, found.files.map((file) => row([h("td", { title: file.uri }, file.uri.split("/").at(-1)), h("td", { class: "number" }, number(file.row_count)), h("td", { class: "number" }, bytes(file.size_bytes))])))),
        rest > 0 ? h("p", { class: "soft" }, `and ${number(rest)} more files`) : null),
      h("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Columns" }, h("table", {},
        h("thead", {}, row([h("th", { scope: "col" }, "Column"), h("th", { scope: "col" }, "Type")])),
        h("tbody", {}, found.columns.map((column) => row([h("td", {}, column.name), h("td", {}, typeName(column.type))])))))),
  ];
}

function report(problem) {
  fill(result);
  if (!mark(form, problem.errors ?? [])) reportProblem(problem);
}

preview.addEventListener("click", async () => {
  clearMarks(form);
  reset();
  if (!uris.reportValidity()) return;
  current = new AbortController();
  fill(result, h("p", { class: "soft", role: "status" }, "Reading the footers of the files …"));
  try {
    const json = { tables: [table()], base_ref: one("#attach-ref").value };
    const { tables: [found], column_changes: changes } = await callApi(`/api/datasets/${dataset}/attach/preview`, { json, signal: current.signal });
    fill(result, columnNote(changes, one("#attach-require").checked), shown(found));
    send.disabled = false;
  } catch (problem) {
    if (problem.name !== "AbortError") report(problem);
  }
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (send.disabled) return preview.click();
  [preview, send].forEach((button) => { button.disabled = true; });
  const [ref, message] = [one("#attach-ref").value, one("#attach-message").value.trim()];
  const end = () => { [preview, send].forEach((button) => { button.disabled = false; }); };
  try {
    const { job_id: id } = await callApi(`/api/datasets/${dataset}/refs/${encodeURIComponent(ref)}/attach`, {
      json: { tables: [table()], ...(one("#attach-verify").checked ? { verify: true } : {}), ...(message ? { commit_message: message } : {}), ...(one("#attach-require").checked ? { require_columns: true } : {}) }, headers: { "Idempotency-Key": key },
    });
    fill(state, "Attaching … ", h("a", { href: `/jobs/${id}` }, "Show the job"));
    watchJob(id, (job) => {
      if (job.status === "completed") location.assign(`/datasets/${dataset}?${new URLSearchParams({ tab: "data", ref, table: table().table_key ?? "primary", imported: id })}`);
      if (job.status !== "failed") return;
      key = newKey();
      fill(state, h("span", { role: "alert", class: "field-problem" }, failureOf(job)));
      end();
    });
  } catch (problem) {
    report(problem);
    end();
  }
});

[connection, format].forEach((field) => field.addEventListener("change", begin));
one("#attach-verify").addEventListener("change", () => { key = newKey(); });
for (const id of ["#attach-ref", "#attach-require"]) one(id).addEventListener("change", reset);
[uris, tableKey, version].forEach((field) => field.addEventListener("input", reset));
begin();
