// What an import changes in the columns of the version that it replaces: a note above the preview.

import { h } from "./dom.js";
import { number } from "./format.js";
import { typeName } from "./words.js";

const MAX_LISTED = 20;
const rows = (count) => (count === null ? "not counted" : number(count));

/** Names in a list, cut if there are many. */
function listed(texts) {
  const more = texts.length - MAX_LISTED;
  return texts.slice(0, MAX_LISTED).join(", ") + (more > 0 ? ` and ${number(more)} more` : "");
}

function tableChanges(table, isOnly) {
  const parts = [
    table.removed.length > 0 && `Missing: ${listed(table.removed.map((column) => column.name))}.`,
    table.retyped.length > 0 && `Another type: ${listed(table.retyped.map((column) => `${column.name} (${typeName(column.type_before)}, now ${typeName(column.type)})`))}.`,
    table.added.length > 0 && `New: ${listed(table.added.map((column) => column.name))}.`,
    table.reordered && "The columns stand in another order.",
    table.row_count_before !== null && `Rows before: ${rows(table.row_count_before)}, now: ${rows(table.row_count)}.`,
  ].filter(Boolean);
  return h("p", {}, isOnly ? null : h("strong", {}, `${table.table_key}: `), parts.join(" "));
}

const needing = (kind, requests) => requests.length > 0 && h("p", {},
  `${kind} that need a missing or changed column: ${listed(requests.map((each) => `${each.name} (${each.columns.join(", ")})`))}.`);

/**
 * The note on changed columns; null if there was no version before.
 * @param {object | null | undefined} changes column_changes of the API
 * @param {boolean} isRequired whether the import is refused if columns changed
 */
export function columnNote(changes, isRequired) {
  if (!changes) return null;
  const { changed, tables, schedules, templates } = changes;
  const kind = changed ? (isRequired ? "bad" : "warn") : "quiet";
  const title = changed ? "The columns differ from those of the present version." : "The columns are those of the present version.";
  return h("div", { class: `note ${kind}`, role: changed ? "alert" : "status", id: "column-changes" },
    h("p", {}, h("strong", {}, title), changed && isRequired ? " The import will be refused, since the same columns are required." : ""),
    tables.map((table) => tableChanges(table, tables.length === 1)),
    needing("Schedules", schedules), needing("Templates", templates));
}
