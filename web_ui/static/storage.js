// A prune: first what would go, then, once it is wanted, call after call until it is done.

import { ask } from "./api.js";
import { fill, h, one } from "./dom.js";
import { bytes, number, time } from "./format.js";
import { confirmed } from "./forms.js";
import { tell } from "./notices.js";

const look = one("#look");
const remove = one("#remove");
const found = one("#found");
const prune = (dry) => ask("/api/admin/prune", { json: { dry_run: dry } });

const HEADINGS = ["Kind", "How many", "Size", "From", "To", "Such as"];
const cells = (kind) => [
  kind.kind.replaceAll("_", " "), number(kind.count), kind.size_bytes ? bytes(kind.size_bytes) : "",
  kind.oldest ? time(kind.oldest) : "", kind.newest ? time(kind.newest) : "",
  kind.examples.map((example) => example.name).join(", "),
];

function show(report, title) {
  const kinds = report.kinds.filter((kind) => kind.count);
  const keeps = Object.entries(report.keeps).map(([name, days]) => `${name.replaceAll("_", " ")}: ${days || "for ever"}`);
  fill(found,
    h("p", {}, h("strong", {}, title), kinds.length ? ` ${bytes(report.size_bytes)}.` : ""),
    kinds.length ? h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Kinds" }, h("table", { class: "cards" },
      h("thead", {}, h("tr", {}, HEADINGS.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, kinds.map((kind) => h("tr", {}, cells(kind).map((cell, place) =>
        h("td", { "data-label": HEADINGS[place], class: place === 1 || place === 2 ? "number" : null }, cell))))))) : null,
    h("p", { class: "soft" }, `Kept, in days: ${keeps.join("; ")}.`));
  return kinds.length;
}

look.addEventListener("click", async () => {
  look.disabled = true;
  try {
    remove.hidden = !show(await prune(true), "This would go:");
    if (remove.hidden) fill(found, h("p", {}, "Nothing would go."));
  } catch (problem) { tell(problem); }
  look.disabled = false;
});

remove.addEventListener("click", async () => {
  if (!(await confirmed("Remove all of this? It can't be brought back but from a backup.", "prune"))) return;
  look.disabled = remove.disabled = true;
  try {
    let report = await prune(false);
    while (!report.complete) {
      show(report, "Removed so far, going on:");
      report = await prune(false);
    }
    show(report, "Done. The last step removed");
    remove.hidden = true;
  } catch (problem) { tell(problem); }
  look.disabled = remove.disabled = false;
});
