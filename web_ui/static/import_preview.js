// The preview of a file before its import.

import { callApi } from "./api.js";
import { fill, h } from "./dom.js";
import { number } from "./format.js";
import { announce } from "./notices.js";

const PREFIX_BYTES = 512 * 1024;
const LINE_FORMATS = /\.(csv|tsv|tab|txt|ndjson|jsonl)$/i;
const UNDECIDED_CODES = ["preview_too_large", "preview_too_slow", "preview_unclear"];

/**
 * Show the tables that an import would make of a file.
 * @param {File} file
 * @param {Element} shown the element that shows the preview
 * @param {{path: string, maxBytes: number, endings: string[], signal: AbortSignal}} options
 *   API path, largest file to preview, accepted file name endings
 * @returns false if the import would refuse the file; null if the preview was aborted
 */
export async function showPreview(file, shown, { path, maxBytes, endings, signal }) {
  fill(shown, h("p", { class: "soft" }, "Loading the preview…"));
  const isPartial = LINE_FORMATS.test(file.name) && file.size > PREFIX_BYTES;
  if (!isPartial && file.size > maxBytes) {
    if (!endings.some((ending) => file.name.toLowerCase().endsWith(ending))) {
      return refuse(shown, `The file type is not supported. Supported: ${endings.join(", ")}.`);
    }
    fill(shown, h("p", {}, "The file is too large for a preview."));
    return true;
  }
  const data = new FormData();
  data.append("file", isPartial ? file.slice(0, PREFIX_BYTES) : file, file.name);
  data.append("whole", String(!isPartial));
  try {
    const { tables } = await callApi(path, { method: "POST", body: data, signal });
    fill(shown, tables.map(tablePreview));
    announce(`${counted(tables.length, "table")} found.`);
    return true;
  } catch (problem) {
    if (problem.name === "AbortError") return null;
    if (problem.status === 422 && !UNDECIDED_CODES.includes(problem.code)) return refuse(shown, problem.message);
    const message = problem.status ? problem.message : "The server does not respond.";
    fill(shown, h("div", { class: "note warn", role: "alert" }, h("p", {}, message)));
    return true;
  }
}

const counted = (count, what) => `${number(count)} ${what}${count === 1 ? "" : "s"}`;

function refuse(shown, message) {
  fill(shown, h("div", { class: "note bad", role: "alert" }, h("p", {}, message)));
  return false;
}

function tablePreview(table) {
  const isPartial = table.row_count === null;
  const rows = isPartial ? "" : `, ${counted(table.row_count, "row")}`;
  const names = table.columns.map((column) => column.name);
  return h("section", { class: "stack" },
    h("p", {}, h("strong", {}, table.key), `: ${counted(names.length, "column")}${rows}. `,
      isPartial ? h("span", { class: "soft" }, "Based on the first rows. Later rows may widen a type",
        table.columns.some((column) => column.type === null) ? " or determine the type of an empty column." : ".") : null),
    table.notes.map((note) => h("p", { class: "note warn" }, note)),
    h("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": `First rows of ${table.key}` },
      h("table", {},
        h("thead", {}, h("tr", {}, table.columns.map((column) =>
          h("th", { scope: "col", class: table.data.some((row) => typeof row[column.name] === "number") ? "number" : null }, column.name, h("br"), h("small", { class: "soft mono" }, column.type ?? "no value"))))),
        h("tbody", {}, table.data.map((row) => h("tr", {}, names.map((name) =>
          row[name] === null ? h("td", { class: "null" }, "NULL")
            : h("td", { class: typeof row[name] === "number" ? "number" : "" }, String(row[name])))))))));
}
