// Looking at what a file holds before it is sent.

import { ask } from "./api.js";
import { fill, h } from "./dom.js";
import { number } from "./format.js";
import { announce } from "./notices.js";

const BEGINNING = 512 * 1024;
const BY_LINES = /\.(csv|tsv|tab|txt|ndjson|jsonl)$/i;
const ONLY_THE_IMPORT_TELLS = ["preview_too_large", "preview_too_slow", "preview_unclear"];

/**
 * Show in an element what an import would make of a file.
 * @param {File} file the file
 * @param {Element} shown where to show it
 * @param {{path: string, most: number, endings: string[], signal: AbortSignal}} how where to ask, the
 *   bytes that can be looked at, and the endings that can be imported
 * @returns whether the file can be imported, as far as can be told; null if the look was broken off
 */
export async function lookAt(file, shown, { path, most, endings, signal }) {
  fill(shown, h("p", { class: "soft" }, "Looking at the file…"));
  const inPart = BY_LINES.test(file.name) && file.size > BEGINNING;
  if (!inPart && file.size > most) {
    if (!endings.some((ending) => file.name.toLowerCase().endsWith(ending))) {
      return refused(shown, `The file can't be imported by its ending. Accepted are: ${endings.join(", ")}.`);
    }
    fill(shown, h("p", {}, "The file is too large to be looked at before it is imported."));
    return true;
  }
  const data = new FormData();
  data.append("file", inPart ? file.slice(0, BEGINNING) : file, file.name);
  data.append("whole", String(!inPart));
  try {
    const { tables } = await ask(path, { method: "POST", body: data, signal });
    fill(shown, tables.map(tableOf));
    announce(`${counted(tables.length, "table")} found.`);
    return true;
  } catch (problem) {
    if (problem.name === "AbortError") return null;
    if (problem.status === 422 && !ONLY_THE_IMPORT_TELLS.includes(problem.code)) return refused(shown, problem.message);
    const why = problem.status ? problem.message : "The server doesn't answer.";
    fill(shown, h("div", { class: "note warn", role: "alert" }, h("p", {}, why)));
    return true;
  }
}

const counted = (count, what) => `${number(count)} ${what}${count === 1 ? "" : "s"}`;

function refused(shown, why) {
  fill(shown, h("div", { class: "note bad", role: "alert" }, h("p", {}, why)));
  return false;
}

function tableOf(table) {
  const inPart = table.row_count === null;
  const rows = inPart ? "" : `, ${counted(table.row_count, "row")}`;
  const names = table.columns.map((column) => column.name);
  return h("section", { class: "stack" },
    h("p", {}, h("strong", {}, table.key), `: ${counted(names.length, "column")}${rows}. `,
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
