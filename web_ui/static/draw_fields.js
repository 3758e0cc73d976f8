// Fields that parts of a new sample share: columns and numbers.

import { h } from "./dom.js";
import { number } from "./format.js";

export const isNumber = (column) => /INT|DECIMAL|DOUBLE|FLOAT|REAL/.test(column.type) && !column.type.includes("[");

/** A number that may have thousands separators; a text that is none stays one, for the server's error. */
export function numberOf(text) {
  const plain = text.replaceAll(",", "").trim();
  if (plain === "") return undefined;
  return Number.isNaN(Number(plain)) ? text : Number(plain);
}

/** A column in a list: "city (VARCHAR, 3 unique)". */
export function described({ name, type, distinct, distinct_exact: exact }) {
  return `${name} (${type}${typeof distinct === "number" ? `, ${exact ? "" : "~"}${number(distinct)} unique` : ""})`;
}

export function columnSelect(columns, attributes, value, set) {
  const known = columns.some((column) => column.name === value);
  return h("select", { ...attributes, onchange: (event) => set(event.target.value) },
    h("option", { value: "" }, "choose a column"),
    columns.map((column) => h("option", { value: column.name, selected: column.name === value }, described(column))),
    value && !known ? h("option", { value, selected: true }, `${value} (not in this table)`) : null);
}
