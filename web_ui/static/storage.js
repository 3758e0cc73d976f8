// Clean-up: a preview, then prune requests until one reports completion.

import { callApi } from "./api.js";
import { fill, h, one } from "./dom.js";
import { bytes, number, time } from "./format.js";
import { confirmed } from "./forms.js";
import { reportProblem } from "./notices.js";

const preview = one("#preview");
const remove = one("#remove");
const found = one("#found");
const prune = (isDryRun) => callApi("/api/admin/prune", { json: { dry_run: isDryRun } });

const HEADINGS = ["Kind", "Count", "Size", "Oldest", "Newest", "Examples"];
const cells = (kind) => [
  kind.kind.replaceAll("_", " "), number(kind.count), kind.size_bytes ? bytes(kind.size_bytes) : "",
  kind.oldest ? time(kind.oldest) : "", kind.newest ? time(kind.newest) : "",
  kind.examples.map((example) => example.name).join(", "),
];

function show(report, title) {
  const kinds = report.kinds.filter((kind) => kind.count);
  const retention = Object.entries(report.keeps).map(([name, days]) => `${name.replaceAll("_", " ")}: ${days || "unlimited"}`);
  fill(found,
    h("p", {}, h("strong", {}, title), kinds.length ? ` ${bytes(report.size_bytes)}.` : ""),
    kinds.length ? h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Kinds" }, h("table", { class: "cards" },
      h("thead", {}, h("tr", {}, HEADINGS.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, kinds.map((kind) => h("tr", {}, cells(kind).map((cell, place) =>
        h("td", { "data-label": HEADINGS[place], class: place === 1 || place === 2 ? "number" : null }, cell))))))) : null,
    h("p", { class: "soft" }, `Retention in days: ${retention.join("; ")}.`));
  return kinds.length;
}

preview.addEventListener("click", async () => {
  preview.disabled = true;
  try {
    remove.hidden = !show(await prune(true), "To be deleted:");
    if (remove.hidden) fill(found, h("p", {}, "Nothing to delete."));
  } catch (problem) { reportProblem(problem); }
  preview.disabled = false;
});

remove.addEventListener("click", async () => {
  if (!(await confirmed("Delete this data? It can only be restored from a backup.", "prune"))) return;
  preview.disabled = remove.disabled = true;
  try {
    let report = await prune(false);
    while (!report.complete) {
      show(report, "Deleted so far, continuing:");
      report = await prune(false);
    }
    show(report, "Done. The last step deleted");
    remove.hidden = true;
  } catch (problem) { reportProblem(problem); }
  preview.disabled = remove.disabled = false;
});
