// The preview of a file before its import: the first rows as they will be read, and the file's lines.

import { callApi } from "./api.js";
import { fill, h } from "./dom.js";
import { cellText, isNumberType, number } from "./format.js";
import { announce } from "./notices.js";
import { render, typeName } from "./words.js";

const HEAD_BYTES = 512 * 1024;
const END_BYTES = 64 * 1024;
const LINE_FORMATS = /\.(csv|tsv|tab|txt|ndjson|jsonl)$/i;
const UNDECIDED_CODES = ["preview_too_large", "preview_too_slow", "preview_unclear"];

/**
 * Ask for the tables that an import would make of a file, or of the file of a URL.
 * @param {File | string} source
 * @param {object} values the import options
 * @param {{path: string, ref: string | null, maxBytes: number, endings: string[], signal: AbortSignal}} limits
 * @returns {Promise<{tables: object[], raw_lines: string[], refusal: string, warning: string} | null>}
 *   a refusal if the import would fail, too; null if the preview was aborted
 */
export async function previewOf(source, values, { path, ref, maxBytes, endings, signal }) {
  const nothing = { tables: [], raw_lines: [], problems: [], refusal: "", warning: "" };
  try {
    const request = typeof source === "string" ? { json: { uri: source, options: values, ...(ref ? { base_ref: ref } : {}) } } : formOf(source, values, ref, maxBytes, endings);
    return { ...nothing, ...(request.json || request.body ? await callApi(path, { method: "POST", signal, ...request }) : request) };
  } catch (problem) {
    if (problem.name === "AbortError") return null;
    if (problem.status === 422 && !UNDECIDED_CODES.includes(problem.code)) return { ...nothing, refusal: problem.message };
    return { ...nothing, warning: problem.status ? problem.message : "The server does not respond." };
  }
}

/** The form to send of a file, or why there is no preview. */
function formOf(file, values, ref, maxBytes, endings) {
  const isPartial = LINE_FORMATS.test(file.name) && file.size > HEAD_BYTES + END_BYTES;
  if (!isPartial && file.size > maxBytes) {
    const isKnown = endings.some((ending) => file.name.toLowerCase().endsWith(ending));
    return isKnown ? { warning: "The file is too large for a preview." }
      : { refusal: `The file type is not supported. Supported: ${endings.join(", ")}.` };
  }
  const data = new FormData();
  data.append("file", isPartial ? file.slice(0, HEAD_BYTES) : file, file.name);
  if (isPartial) data.append("end", file.slice(-END_BYTES), file.name);
  data.append("whole", String(!isPartial));
  if (ref) data.append("base_ref", ref);
  if (Object.keys(values).length) data.append("options", JSON.stringify(values));
  return { body: data };
}

const counted = (count, what) => `${number(count)} ${what}${count === 1 ? "" : "s"}`;

/** The sentence of a problem, with the type as people call it. */
function problemText({ template, parameters }) {
  return render(template, parameters.type ? { ...parameters, type: `“${typeName(parameters.type)}”` } : parameters);
}

function notesOf(tables) {
  if (!tables.some((table) => table.notes.length)) return null;
  return h("div", { class: "note quiet" }, h("div", { class: "notes", tabindex: "0", role: "region", "aria-label": "Notes" }, h("ul", {},
    tables.flatMap((table) => table.notes.map((note) => h("li", {}, tables.length > 1 ? h("strong", {}, `${table.key}: `) : null, render(note)))))));
}

const TOTALS = { warn: ["differs", "counted"], good: ["agrees"], quiet: ["not_compared", "left_out"] };

/** The totals of the file, compared with its rows. */
function totalNotes(tables) {
  return Object.entries(TOTALS).map(([kind, states]) => {
    const texts = tables.flatMap((table) => table.totals.sentences.filter(({ state }) => states.includes(state))
      .map(({ text }) => h("p", {}, tables.length > 1 ? h("strong", {}, `${table.key}: `) : null, text)));
    return texts.length ? h("div", { class: `note ${kind}` }, texts) : null;
  });
}

/** Show a preview; `head` makes the head of a column. */
export function showPreview(shown, preview, head) {
  const isOnly = preview.tables.length === 1;
  fill(shown, totalNotes(preview.tables), notesOf(preview.tables), h("div", { class: "reading" },
    h("div", { class: "stack" }, preview.tables.map((table, at) => tablePreview(table, at, head, isOnly))),
    preview.raw_lines.some(Boolean) ? rawLines(preview.raw_lines, preview.tables[0]?.detected ?? {}) : null));
  if (preview.tables.length) announce(`${counted(preview.tables.length, "table")} found.`);
}

/** The problems of a preview, as notes. */
export function problemNotes({ refusal, warning, problems }) {
  return [
    refusal ? h("div", { class: "note bad", role: "alert" }, h("p", {}, refusal)) : null,
    warning ? h("div", { class: "note warn", role: "alert" }, h("p", {}, warning)) : null,
    problems.map((problem) => h("div", { class: "note warn", role: "alert" }, h("p", {}, problemText(problem)))),
  ];
}

function tablePreview(table, at, head, isOnly) {
  const isPartial = table.row_count === null;
  const rows = isPartial ? "" : `, ${counted(table.row_count, "row")}`;
  return h("section", {},
    h("p", {}, isOnly ? null : h("strong", {}, `${table.key}: `), `${counted(table.columns.length, "column")}${rows}. `,
      isPartial ? h("span", { class: "soft" }, "Based on the first and the last rows. Other rows may widen a type",
        table.columns.some((column) => column.type === null) ? " or determine the type of an empty column." : ".") : null),
    h("div", { class: "datagrid preview", tabindex: "0", role: "region", "aria-label": `First rows of ${table.key}` },
      h("table", {},
        h("thead", {}, h("tr", {}, table.columns.map((column, place) => head(column, `${at}-${place}`)))),
        h("tbody", {}, table.data.map((row) => h("tr", {}, table.columns.map((column) => cell(row[column.name], column))))))));
}

function cell(value, { name, type }) {
  const isNumber = isNumberType(type ?? "");
  if (value === null) return h("td", { class: isNumber ? "null number" : "null" }, "missing");
  return h("td", { class: isNumber ? "number" : null }, cellText(value, name, type ?? ""));
}

/** The first lines as they are in the file; those that give no row are soft. */
function rawLines(lines, detected) {
  const header = detected.header_row ?? 0;
  const first = Math.max(header, detected.skip_above ?? 0);
  if (!lines.at(-1)) lines.pop(); // after the last line end
  return h("details", { open: true, class: "raw" }, h("summary", {}, "First lines of the file"),
    h("div", { class: "lines mono", tabindex: "0", role: "region", "aria-label": "First lines of the file" }, h("ol", {}, lines.map((line, at) =>
      h("li", { class: at + 1 === header ? "header" : at < first ? "soft" : null }, line || " ")))));
}
