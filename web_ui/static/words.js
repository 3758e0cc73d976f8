// Labels of the API's fields, and the errors of a problem document rendered with them.

/** Labels by API field. */
export const LABELS = {
  method: "Method", filters: "Filter", columns: "Columns", order_by: "Order by",
  output_name: "Name", commit_message: "Message", source_ref: "Version", table_key: "Table",
  soeid: "User name", user_soeid: "User name", expires_in_days: "Valid days",
};

/** Add the labels that the methods declare for their parameters. */
export function addLabels(methods) {
  for (const { parameters } of methods) for (const { name, label } of parameters) LABELS[name] = label;
}

const SENTENCES = [
  [/^(Missing\b.*|Shorter than minimum length 1\.)$/s, "A value is required."],
  [/^Length must be between (\d+) and (\d+)\.$/, "$1 to $2 characters."],
  [/^Longer than maximum length (\d+)\.$/, "At most $1 characters."],
  [/^Must be greater than or equal to (\S+?) and less than or equal to (\S+)\.$/, "$1 to $2."],
  [/^Must be greater than (\S+?) and less than or equal to (\S+)\.$/, "More than $1, up to $2."],
  [/^Must be greater than or equal to (\S+)\.$/, "At least $1."],
  [/^(Must be a (?:whole )?number), not .*$/s, "$1."],
];

/** The sentence of an error, as shown next to its field. */
export function messageOf({ loc, msg }) {
  for (const [pattern, plain] of SENTENCES) if (pattern.test(msg)) return msg.replace(pattern, plain);
  const own = named(loc);
  const text = own && msg.startsWith(`${own} `) ? `“${LABELS[own]}”${msg.slice(own.length)}` : msg;
  return withLabels(text);
}

/** Replace the API's names in a sentence by labels. */
export function withLabels(text) {
  // Quoted names are names of the table, such as columns.
  return text.replace(/(?<![\w"]|the )(?:[a-z]+(?:_[a-z]+)+|sizes|interval)(?![\w"])/g, (name) => (name in LABELS ? `“${LABELS[name]}”` : name));
}

/** The location of an error: "Step 2, Rows"; without the step if there is only one. */
export function placeOf(loc, steps = 2) {
  const own = named(loc) ?? loc.findLast((part) => typeof part === "string");
  const name = LABELS[own] ?? own.charAt(0).toUpperCase() + own.slice(1).replaceAll("_", " ");
  const at = loc.indexOf("rounds");
  return at >= 0 && steps > 1 && Number.isInteger(loc[at + 1]) ? `Step ${loc[at + 1] + 1}, ${name}` : name;
}

/** The sentence of an error with its location. */
export function withPlace(error) {
  return `${placeOf(error.loc)}: ${messageOf(error)}`;
}

const named = (loc) => loc.findLast((part) => typeof part === "string" && part in LABELS);
