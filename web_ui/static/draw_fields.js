// Fields that forms share: columns, numbers and amounts.

import { h } from "./dom.js";
import { amount, number } from "./format.js";
import { typeName } from "./words.js";

/** The parameters that give a size. */
export const SIZES = ["sample_size", "sample_fraction", "samples_per_stratum", "sizes", "interval"];

export const isNumber = (column) => /INT|DECIMAL|DOUBLE|FLOAT|REAL/.test(column.type) && !column.type.includes("[");

export const soft = (words) => h("small", { class: "soft" }, words);

/** A box with its label. */
export const check = (label, checked, set, more) => h("label", { class: "check" }, h("input", { type: "checkbox", checked, onchange: ({ target }) => set(target.checked), ...more }), label);

export const itemsOf = (text) => text.split(";").map((one) => one.trim()).filter(Boolean);

/** "low = 0.01; high = 0.6" → labels with numbers. */
export const ratesOf = (text) => itemsOf(text).map((one) => { const at = one.lastIndexOf("="); return [one.slice(0, Math.max(at, 0)).trim(), Number(one.slice(at + 1))]; });

/** 0.03 → "3%". */
export const shareText = (fraction) => `${Number((fraction * 100).toPrecision(12))}%`;

/** Set or clear what is wrong with a field's text; nothing is planned or drawn while a field is refused. */
export function refuse(input, message) {
  if (message) input.dataset.refused = message;
  else delete input.dataset.refused;
}

const PLAIN = /^[+-]?\d+(\.\d+)?$/;
const GROUPED = /^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$/;
const CONTINENTAL = /^[+-]?[1-9]\d{0,2}(\.\d{3})+,\d+$/;
const TWO_WAYS = /^[+-]?[1-9]\d{0,2}\.\d{3}$/;

/** A typed number in plain digits, or what is wrong with it: 1,000 and 1.234,56 are read, 10.000 and 12,34 refused. */
export function readNumber(text) {
  const typed = text.replace(/\s/g, "");
  if (TWO_WAYS.test(typed)) {
    const whole = typed.replace(".", "");
    return { problem: `${typed} can be read in two ways. Write ${whole} or ${amount(whole)}, or ${typed}0 for decimals.` };
  }
  if (PLAIN.test(typed)) return { plain: typed };
  if (GROUPED.test(typed)) return { plain: typed.replaceAll(",", "") };
  if (CONTINENTAL.test(typed)) return { plain: typed.replaceAll(".", "").replace(",", ".") };
  if (/^[+-]?[\d.,]+$/.test(typed)) return { problem: `${typed} isn’t a number. Write thousands as 1000 or 1,000, decimals as 0.5.` };
  return {};
}

/** A typed amount in plain digits, or what is wrong with it: also (12.50), 12,50 € and 12.50-. */
export function readAmount(typed) {
  const bare = typed.replace(/[\s€$£¥]|^[A-Z]{3}|[A-Z]{3}$/g, "");
  const [, inner] = /^\((.*)\)$/.exec(bare) ?? /^(.*)-$/.exec(bare) ?? [];
  const digits = (inner ?? bare).replace(/^([+-]?\d+),(\d{1,2})$/, "$1.$2");
  const { plain, problem } = readNumber(digits);
  if (problem) return { problem };
  if (plain === undefined || (inner !== undefined && plain.startsWith("-"))) return { problem: `${typed} isn’t an amount, such as 1234.50.` };
  return { plain: inner === undefined ? plain : `-${plain}` };
}

/** "2.5%" or "2,5 %" → 2.5; undefined for another text. A comma before three digits may be of thousands. */
export function percentOf(text) {
  const found = /^(\d+(?:\.\d+)?|0,\d+|\d+,(?:\d{1,2}|\d{4,}))%$/.exec(text.replace(/\s/g, ""));
  return found ? Number(found[1].replace(",", ".")) : undefined;
}

/** The number in a field; a text that is none stays one, for the server's error. */
export function numberOf(input) {
  const text = input.value.trim();
  const { plain, problem } = readNumber(text);
  refuse(input, problem);
  if (text === "") return undefined;
  return plain === undefined ? text : Number(plain);
}

/** A column in a list: "city (text, 3 unique)". */
export function described({ name, type, distinct, distinct_exact: exact }) {
  return `${name} (${typeName(type).toLowerCase()}${typeof distinct === "number" ? `, ${exact ? "" : "~"}${number(distinct)} unique` : ""})`;
}

export function columnSelect(columns, attributes, value, set) {
  const known = columns.some((column) => column.name === value);
  return h("select", { ...attributes, onchange: (event) => set(event.target.value) },
    h("option", { value: "" }, "choose a column"),
    columns.map((column) => h("option", { value: column.name, selected: column.name === value }, described(column))),
    value && !known ? h("option", { value, selected: true }, `${value} (not in this table)`) : null);
}
