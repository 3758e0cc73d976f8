// The SQL tab of a dataset. The URL's fragment contains the query, so that links, back and reload run it.

import { callApi, newKey } from "./api.js";
import { all, embeddedJson, fill, h, one } from "./dom.js";
import { cellText, isNumberType, number } from "./format.js";
import { clearMarks, mark } from "./forms.js";
import { announce, reportProblem } from "./notices.js";
import { requestCode } from "./request_code.js";
import { editorOf } from "./sql_editor.js";

const { dataset, ref, nonce = "", tables } = one("#sql-page").dataset;
const source = { source_ref: ref, with_tables: JSON.parse(tables) };
const base = `/api/exploration/datasets/${dataset}`;
const result = one("#result");
const saving = one("#save");
const storageKey = `sql:${dataset}`;
const MAX_ROWS = 1000;
const PAGE = 100;
const MAX_RECENT = 20;
let isMarked = false;
let running = null;
let key = newKey();

const showCode = requestCode(one("#as-code"));
const showRequest = () => showCode({ path: `${base}/jobs`, body: { ...source, sql: editor.value } });

const hashOf = (sql) => `#${new URLSearchParams({ sql })}`;
const queryOfHash = () => new URLSearchParams(location.hash.slice(1)).get("sql");

const editor = await editorOf(one("#sql"), {
  names: embeddedJson("sql-names"), nonce, onRun: run, onChange: () => { key = newKey(); if (isMarked) clearProblem(); showRequest(); },
});

/** Show an error below the editor, and mark its place. */
function showProblem(problem) {
  const { line = 0, column = 1 } = problem.errors?.[0]?.parameters ?? {};
  isMarked = true;
  editor.mark({ line, column, message: problem.message });
  fill(one("#sql-problem"), h("div", { class: "note bad" }, h("p", {}, problem.message),
    line > 0 && h("button", { type: "button", onclick: () => editor.goTo(line, column) }, `Go to line ${line}`)));
}

function clearProblem() {
  isMarked = false;
  editor.mark(null);
  fill(one("#sql-problem"));
}

async function run() {
  const sql = editor.value;
  running?.abort();
  const current = (running = new AbortController());
  clearProblem();
  busy(true);
  try {
    const answer = await callApi(`${base}/query`, { json: { ...source, sql, limit: MAX_ROWS }, signal: current.signal });
    remember(sql);
    showRows(answer, 0);
    announce(answer.data.length === 1 ? "1 row." : `${number(answer.data.length)} rows.`);
  } catch (problem) {
    if (problem.name === "AbortError") return;
    fill(result);
    if (problem.status === 422) showProblem(problem);
    else reportProblem(problem);
  } finally {
    if (running === current) { running = null; busy(false); }
  }
}

function busy(is) {
  one("#stop").hidden = !is;
  result.setAttribute("aria-busy", String(is));
}

function cell(value, name, type) {
  const kind = isNumberType(type) ? "number" : "";
  if (value === null) return h("td", { class: `null ${kind}` }, "NULL");
  const text = cellText(value, name, type);
  return h("td", { class: kind || null, title: text.length > 40 ? text.slice(0, 2000) : null }, text.slice(0, 200));
}

function showRows(answer, offset) {
  const { data, columns, types } = answer;
  const end = Math.min(offset + PAGE, data.length);
  const turn = (to) => { showRows(answer, to); one(".datagrid", result).focus(); };
  const head = (name, place) => h("th", { scope: "col", class: isNumberType(types[place]) ? "number" : null }, name, h("small", { class: "type" }, types[place]));
  fill(result,
    h("div", { class: "row gridbar" }, h("span", {}, h("strong", {}, number(data.length)), answer.has_more ? " rows (limit reached)" : data.length === 1 ? " row" : " rows",
      h("span", { class: "soft" }, ` in ${answer.execution_time_seconds.toFixed(2)} s`)),
    data.length > PAGE && h("nav", { class: "row", "aria-label": "Pages" },
      offset > 0 && h("button", { type: "button", onclick: () => turn(offset - PAGE) }, "← Previous"),
      h("span", { class: "soft" }, `${number(offset + 1)} to ${number(end)} of ${answer.has_more ? "the first " : ""}${number(data.length)}`),
      end < data.length && h("button", { type: "button", onclick: () => turn(end) }, "Next →")),
    data.length > 0 && h("button", { type: "button", class: "push", onclick: () => download(answer) }, answer.has_more ? "Download these rows as CSV" : "Download as CSV")),
    answer.has_more && saving && h("div", { class: "note" }, h("p", {}, `Only the first ${number(data.length)} rows are shown. Save the query to get all rows as Excel, CSV or Parquet.`)),
    answer.notes.map((note) => h("div", { class: "note" }, h("p", {}, note))),
    data.length === 0 ? h("div", { class: "empty" }, h("p", {}, "The result has no rows."))
      : h("div", { class: "datagrid", tabindex: "0", role: "region", "aria-label": "Rows of the result" }, h("table", {},
        h("thead", {}, h("tr", {}, columns.map(head))),
        h("tbody", {}, data.slice(offset, end).map((row) => h("tr", {}, columns.map((name, place) => cell(row[name], name, types[place]))))))));
}

/** Download the rows shown as CSV. Excel needs the byte-order mark to read UTF-8. */
function download({ data, columns }) {
  const field = (value) => {
    const text = value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const rows = [columns, ...data.map((row) => columns.map((name) => row[name]))];
  const lines = rows.map((row) => `${row.map(field).join(",")}\r\n`);
  const address = URL.createObjectURL(new Blob(["\ufeff", ...lines], { type: "text/csv" }));
  h("a", { href: address, download: "query.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

const recent = () => JSON.parse(sessionStorage.getItem(storageKey) ?? "[]");

function remember(sql) {
  sessionStorage.setItem(storageKey, JSON.stringify([sql, ...recent().filter((other) => other !== sql)].slice(0, MAX_RECENT)));
  if (queryOfHash() !== sql) history.pushState(null, "", hashOf(sql));
  showRecent();
}

function showRecent() {
  const queries = recent();
  one("#recent").hidden = !queries.length;
  fill(one("#recent-list"), queries.map((sql) =>
    h("li", {}, h("a", { href: hashOf(sql), class: "cut mono", title: sql }, sql.replace(/\s+/g, " ").slice(0, 200)))));
}

/** Run the query of the URL. */
function runFromUrl() {
  const sql = queryOfHash();
  if (sql === null) return;
  editor.value = sql;
  showRequest();
  run();
}

one("#sql-form").addEventListener("submit", (event) => { event.preventDefault(); run(); });
one("#stop").addEventListener("click", () => running?.abort());
for (const button of all("[data-insert]")) button.addEventListener("click", () => editor.insert(button.dataset.insert));
addEventListener("popstate", runFromUrl);
// A change of the version preserves the query.
one("#ref").form.addEventListener("submit", (event) => { event.target.action = `${location.pathname}${hashOf(editor.value)}`; });
one("#open-save")?.addEventListener("click", () => saving.showModal());
one("#save-form")?.addEventListener("submit", async (event) => {
  if (event.submitter.value === "cancel") return;
  event.preventDefault();
  const { elements } = event.target;
  const given = { ...source, sql: editor.value };
  for (const name of ["output_name", "commit_message"]) if (elements[name].value.trim()) given[name] = elements[name].value.trim();
  clearMarks(event.target);
  clearProblem();
  try {
    const job = await callApi(`${base}/jobs`, { json: given, headers: { "Idempotency-Key": key } });
    location.assign(`/jobs/${job.job_id}`);
  } catch (problem) {
    key = newKey();
    if (mark(event.target, problem.errors ?? [])) return;
    saving.close();
    if (problem.errors?.some((error) => error.loc.includes("sql"))) showProblem(problem);
    else reportProblem(problem);
  }
});

showRecent();
runFromUrl();
showRequest();
