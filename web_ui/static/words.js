// Labels of the API's fields, and the errors of a problem document rendered with them.

import { number } from "./format.js";

/** Labels by API field. */
export const LABELS = {
  method: "Method", key: "Row key", duplicates: "Equal keys", filters: "Filter", columns: "Columns", order_by: "Order by",
  output_name: "Name", commit_message: "Purpose", amount_column: "Amount to cover", allow_empty: "Allow a sample without rows", require_columns: "Require the same columns", breaks: "Breaks", margin: "Margin of error", source_ref: "Version", table_key: "Table",
  exclude_drawn_by: "Exclude drawn rows by", soeid: "User name", user_soeid: "User name", expires_in_days: "Valid days",
};

/** Add the labels that the methods declare for their parameters. */
export function addLabels(methods) {
  for (const { parameters } of methods) for (const { name, label } of parameters) LABELS[name] = label;
}

/** The sentence of an error: its template with labels for fields, else its message. */
export function messageOf({ msg, template, parameters }) {
  return template ? render(template, parameters) : msg;
}

/** A failed job's message, as failure_of of web_ui/job_texts.py writes it. */
export const failureOf = ({ error_message: message }) => message.replace(/(?<= )(allow_empty|require_columns|duplicates)(?=\.$| to (accept them|number)\.$)/, (field) => `“${LABELS[field]}”`);

/** Screen words for those of templates. */
const SCREEN_WORDS = { strata: "groups", stratum: "group", round: "step", rounds: "steps", Round: "Step", Rounds: "Steps" };
const CODE_WORD = new RegExp(`(?<![\\w{"'\`])(${Object.keys(SCREEN_WORDS).join("|")})(?![\\w}"'\`])`, "g");

/** A text in the words of screens, as screen_text of application/samples/facts.py writes it. */
export const onScreen = (text) => text.replace(CODE_WORD, (word) => SCREEN_WORDS[word]);

/** Write a template as domain_errors.render does: `field` is an API field, {name} a parameter, and
    {name|row was|rows were} the singular or the plural of its number. */
export function render(template, parameters = {}) {
  return onScreen(template).replace(/`([a-z][a-z0-9_]*)`|\{([a-z][a-z0-9_]*)(?:\|([^|{}]*)\|([^|{}]*))?\}/g, (mark, field, name, singular, plural) => {
    if (field) return field in LABELS ? `“${LABELS[field]}”` : field;
    if (!(name in parameters)) return mark;
    if (plural === undefined) return number(parameters[name]);
    return Number(parameters[name]) === 1 ? singular : plural;
  });
}

/** The location of an error: "Step 2, Rows", or "Rows". */
export function placeOf(loc, steps = 2, shown = undefined) {
  const own = named(loc) ?? loc.findLast((part) => typeof part === "string");
  const name = shown ?? LABELS[own] ?? own.charAt(0).toUpperCase() + own.slice(1).replaceAll("_", " ");
  const at = loc.indexOf("rounds");
  return at >= 0 && steps > 1 && Number.isInteger(loc[at + 1]) ? `Step ${loc[at + 1] + 1}, ${name}` : name;
}

const MISSING = "Missing data for required field.";
const missingText = (loc) => chooseText(loc.at(-1), placeOf(loc, 1)) ?? `Fill in “${placeOf(loc, 1)}”.`;

/** What to do about an empty column of amounts or weights; undefined for other fields. */
export const chooseText = (name, label) => (["book_column", "weight_column"].includes(name) ? `Choose the column of ${label.toLowerCase()}.` : /_columns?$/.test(name) ? `Choose “${label}”.` : undefined);

/** The sentence of an error beside its field. */
export const besideField = (error) => (error.msg === MISSING ? missingText(error.loc) : messageOf(error));

/** The sentence of an error with its location. */
export function withPlace(error) {
  if (error.msg === MISSING) return missingText(error.loc);
  return `${placeOf(error.loc)}: ${messageOf(error)}`;
}

const named = (loc) => (loc[3] === "order" ? "key" : loc.findLast((part) => typeof part === "string" && part in LABELS));

/** Names of the types that an import can give a column. */
export const TYPES = {
  VARCHAR: "Text", BIGINT: "Whole number", DOUBLE: "Number", "DECIMAL(18,2)": "Number with 2 decimals",
  DATE: "Date", TIME: "Time of day", TIMESTAMP: "Date and time", BOOLEAN: "True/false",
};

/** A type as people call it, as DataType.words of contract/columns.py. */
export function typeName(type) {
  if (type in TYPES) return TYPES[type];
  if (/^U?[A-Z]*INT(EGER)?$|^DECIMAL.*,0\)$/.test(type)) return "Whole number";
  const [, places] = type?.match(/^DECIMAL.*,(\d+)\)$/) ?? [];
  if (places) return `Number with ${places} decimal${places === "1" ? "" : "s"}`;
  if (type === "FLOAT") return "Number";
  return /^TIMESTAMP.*\w$/.test(type) ? `Date and time${type.endsWith("ZONE") ? ", UTC" : ""}` : type ?? "no value";
}
