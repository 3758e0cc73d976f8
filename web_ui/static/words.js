// What the API says of a field, in a page's words: here its names become labels and its sentences plain.

/** The label of what the API calls by a name. */
export const LABELS = {
  sample_size: "Rows", sample_fraction: "Share of the rows", samples_per_stratum: "Rows in each stratum",
  sizes: "Rows by stratum", strata_columns: "Strata: rows that agree in", allocation: "Allocation",
  allocation_column: "Numbers whose spread counts", cost_column: "Cost of examining a row",
  min_per_stratum: "At least, in each stratum", interval: "Every so many rows", start: "First row",
  cluster_column: "Clusters: rows that agree in", num_clusters: "Clusters", samples_per_cluster: "Rows in each cluster",
  sample_percentage: "Percent of each cluster", weight_column: "Weight", seed: "Seed",
  method: "Method", filters: "Filter", columns: "Columns shown", order_by: "Ordered by",
  output_name: "Name", commit_message: "Message", source_ref: "Ref", table_key: "Table",
  soeid: "SOEID", user_soeid: "SOEID", expires_in_days: "Days",
};

const SENTENCES = [
  [/^(Missing\b.*|Shorter than minimum length 1\.)$/s, "Fill this in."],
  [/^Length must be between (\d+) and (\d+)\.$/, "$1 to $2 characters."],
  [/^Longer than maximum length (\d+)\.$/, "Up to $1 are taken."],
  [/^Must be greater than or equal to (\S+?) and less than or equal to (\S+)\.$/, "$1 to $2."],
  [/^Must be greater than (\S+?) and less than or equal to (\S+)\.$/, "More than $1, up to $2."],
  [/^Must be greater than or equal to (\S+)\.$/, "$1 or more."],
  [/^(Must be a (?:whole )?number), not .*$/s, "$1."],
];

/** An error's sentence as a page says it beside the field. */
export function inWords({ loc, msg }) {
  for (const [told, plain] of SENTENCES) if (told.test(msg)) return msg.replace(told, plain);
  const own = named(loc);
  const text = own && msg.startsWith(`${own} `) ? `“${LABELS[own]}”${msg.slice(own.length)}` : msg;
  return labelled(text);
}

/** A sentence with labels in place of the API's names. */
export function labelled(text) {
  // What stands in quotes is a name that the table's owner gave, such as a column's.
  return text.replace(/(?<![\w"]|the )(?:[a-z]+(?:_[a-z]+)+|sizes|interval)(?![\w"])/g, (name) => (name in LABELS ? `“${LABELS[name]}”` : name));
}

/** Where an error is: "Round 2, Rows"; the round only where there are several. */
export function placeInWords(loc, rounds = 2) {
  const own = named(loc) ?? loc.findLast((part) => typeof part === "string");
  const name = LABELS[own] ?? own.charAt(0).toUpperCase() + own.slice(1).replaceAll("_", " ");
  const at = loc.indexOf("rounds");
  return at >= 0 && rounds > 1 && Number.isInteger(loc[at + 1]) ? `Round ${loc[at + 1] + 1}, ${name}` : name;
}

/** An error as a sentence by itself. */
export function told(error) {
  return `${placeInWords(error.loc)}: ${inWords(error)}`;
}

const named = (loc) => loc.findLast((part) => typeof part === "string" && part in LABELS);
