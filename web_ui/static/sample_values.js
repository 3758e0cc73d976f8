// Upload values of a sample's rows: choose a file, see how its rows match, store it.

import { h, one } from "./dom.js";
import { connectRowFile, figure } from "./row_file.js";
import { typeName } from "./words.js";

const form = one("#values");

const PARTS = [
  ["without_key", "rows of the file without a key"],
  ["repeated", "keys in several rows of the file"],
  ["ambiguous", "keys of several sampled rows"],
  ["unmatched", "rows of the file that no sampled row has"],
  ["unanswered", "sampled rows that the file lacks"],
];

function listOf(found) {
  const parts = PARTS.filter(([name]) => found[name].count);
  return parts.map(([name, title]) => h("p", {}, h("strong", {}, found[name].count.toLocaleString("en")), ` ${title}: `,
    found[name].first.join("; "), found[name].count > found[name].first.length ? " …" : ""));
}

connectRowFile(form, {
  path: `/api/sampling/jobs/${form.dataset.job}/values`,
  result: one("#match"),
  shown: (found) => [
    h("dl", { class: "figures" },
      figure("Rows matched", found.matched, `of ${found.row_count.toLocaleString("en")} in the file`),
      figure("Sampled rows without values", found.unanswered.count)),
    ...listOf(found),
    h("p", {}, "Columns of values: ", found.columns.map((each) => `${each.name} (${typeName(each.type)}${each.missing ? `, ${each.missing.toLocaleString("en")} missing` : ""})`).join(", ")),
  ],
  stored: ({ number }) => location.assign(`/jobs/${form.dataset.job}?tab=estimates&values=${number}`),
});
