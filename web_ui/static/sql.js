// The SQL tab of a dataset. The URL's fragment contains the query, so that links, back and reload run it.

import { callApi, newKey } from "./api.js";
import { all, fill, h, one } from "./dom.js";
import { number } from "./format.js";
import { announce, reportProblem } from "./notices.js";

const { dataset, ref } = one("#sql-page").dataset;
const base = `/api/exploration/datasets/${dataset}`;
const box = one("#sql");
const lines = one("#lines");
const result = one("#result");
const storageKey = `sql:${dataset}`;
const MAX_ROWS = 1000;
const PAGE = 100;
const MAX_RECENT = 20;
let errorLine = 0;
let running = null;
let key = newKey();

const hashOf = (sql) => `#${new URLSearchParams({ sql })}`;
const queryOfHash = () => new URLSearchParams(location.hash.slice(1)).get("sql");

function showLines() {
  const count = box.value.split("\n").length;
  fill(lines, Array.from({ length: count }, (_, place) =>
    h("div", { class: place + 1 === errorLine ? "wrong" : null }, String(place + 1))));
  lines.scrollTop = box.scrollTop;
}

function setQuery(sql) {
  box.value = sql;
  errorLine = 0;
  showLines();
}

/** Insert a name at the caret, after a space if a word precedes it. */
function insert(text) {
  const before = box.value.slice(0, box.selectionStart);
  box.focus();
  box.setRangeText((/[\w"]$/.test(before) ? " " : "") + text, box.selectionStart, box.selectionEnd, "end");
  box.dispatchEvent(new Event("input"));
}

/** Show an error below the field, and mark its line. */
function showProblem(problem) {
  const { line = 0, column } = problem.errors?.[0]?.parameters ?? {};
  errorLine = line;
  box.setAttribute("aria-invalid", "true");
  showLines();
  fill(one("#sql-problem"), h("div", { class: "note bad" }, h("p", {}, problem.message),
    line > 0 && h("button", { type: "button", onclick: () => goTo(line, column) }, `Go to line ${line}`)));
}

function goTo(line, column) {
  const start = box.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  box.focus();
  box.setSelectionRange(start + column - 1, start + column - 1);
}

function clearProblem() {
  errorLine = 0;
  box.removeAttribute("aria-invalid");
  fill(one("#sql-problem"));
  showLines();
}

async function run() {
  const sql = box.value;
  running?.abort();
  const current = (running = new AbortController());
  clearProblem();
  busy(true);
  try {
    const answer = await callApi(`${base}/query`, { json: { source_ref: ref, sql, limit: MAX_ROWS }, signal: current.signal });
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

const isNumber = (type) => /INT|DECIMAL|DOUBLE|FLOAT/.test(type) && !type.includes("[");

function cell(value, type) {
  const kind = isNumber(type) ? "number" : "";
  if (value === null) return h("td", { class: `null ${kind}` }, "NULL");
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return h("td", { class: kind || null }, text.length > 80 ? h("div", { class: "cut", title: text.slice(0, 2000) }, text.slice(0, 200)) : text);
}

function showRows(answer, offset) {
  const { data, columns, types } = answer;
  const end = Math.min(offset + PAGE, data.length);
  const turn = (to) => { showRows(answer, to); one(".scroll", result).focus(); };
  fill(result,
    h("p", { class: "row" }, h("span", {}, h("strong", {}, number(data.length)), answer.has_more ? " rows (limit reached)" : data.length === 1 ? " row" : " rows",
      ` in ${answer.execution_time_seconds.toFixed(2)} s`),
    data.length > 0 && h("button", { type: "button", onclick: () => download(answer) }, "Download as CSV"),
    answer.has_more && one("#save") && h("button", { type: "button", onclick: openSaveForm }, "Save all rows…")),
    answer.notes.map((note) => h("div", { class: "note" }, h("p", {}, note))),
    data.length === 0 ? h("div", { class: "empty" }, h("p", {}, "The result has no rows."))
      : h("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Rows of the result" }, h("table", {},
        h("thead", {}, h("tr", {}, columns.map((name, place) =>
          h("th", { scope: "col", class: isNumber(types[place]) ? "number" : null }, name, h("br"), h("small", { class: "soft mono" }, types[place]))))),
        h("tbody", {}, data.slice(offset, end).map((row) => h("tr", {}, columns.map((name, place) => cell(row[name], types[place]))))))),
    data.length > PAGE && h("nav", { class: "row", "aria-label": "Pages" },
      offset > 0 && h("button", { type: "button", onclick: () => turn(offset - PAGE) }, "← Previous"),
      h("span", { class: "soft" }, `${number(offset + 1)} to ${number(end)} of ${answer.has_more ? "the first " : ""}${number(data.length)}`),
      end < data.length && h("button", { type: "button", onclick: () => turn(end) }, "Next →")));
}

function openSaveForm() {
  one("#save").open = true;
  one("#output_name").focus();
}

/** Download the rows shown as a CSV file. */
function download({ data, columns }) {
  const field = (value) => {
    const text = value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const rows = [columns, ...data.map((row) => columns.map((name) => row[name]))];
  const address = URL.createObjectURL(new Blob([rows.map((row) => `${row.map(field).join(",")}\r\n`).join("")], { type: "text/csv" }));
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
  setQuery(sql);
  run();
}

box.addEventListener("input", () => { key = newKey(); if (errorLine) clearProblem(); else showLines(); });
box.addEventListener("scroll", () => { lines.scrollTop = box.scrollTop; });
box.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run(); }
});
one("#sql-form").addEventListener("submit", (event) => { event.preventDefault(); run(); });
one("#stop").addEventListener("click", () => running?.abort());
for (const button of all("[data-insert]")) button.addEventListener("click", () => insert(button.dataset.insert));
addEventListener("popstate", runFromUrl);
// A change of the version preserves the query.
one("#ref").form.addEventListener("submit", (event) => { event.target.action = `${location.pathname}${hashOf(box.value)}`; });
one("#save-form")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { elements } = event.target;
  const given = { source_ref: ref, sql: box.value };
  for (const name of ["output_name", "commit_message"]) if (elements[name].value.trim()) given[name] = elements[name].value.trim();
  clearProblem();
  try {
    const job = await callApi(`${base}/jobs`, { json: given, headers: { "Idempotency-Key": key } });
    location.assign(`/jobs/${job.job_id}`);
  } catch (problem) {
    key = newKey();
    if (problem.errors?.some((error) => error.loc.includes("sql"))) showProblem(problem);
    else reportProblem(problem);
  }
});

showLines();
showRecent();
runFromUrl();
