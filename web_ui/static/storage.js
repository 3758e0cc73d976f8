// Clean-up: what can be deleted now and what later, then prune requests until one reports completion.

import { callApi } from "./api.js";
import { fill, h, one } from "./dom.js";
import { bytes, number } from "./format.js";
import { confirmed } from "./forms.js";
import { reportProblem } from "./notices.js";

const preview = one("#preview");
const remove = one("#remove");
const found = one("#found");
const AHEAD_DAYS = [0, 7, 30, 100];
const prune = (isDryRun, aheadDays = 0) =>
  callApi("/api/admin/prune", { json: { dry_run: isDryRun, ...(aheadDays ? { ahead_days: aheadDays } : {}) } });

const days = (count) => (count === 1 ? "1 day" : `${number(count)} days`);
const expires = (count, text) => (count ? text(days(count)) : "never deleted, by the settings");

/** Names and reasons of the kinds, from the retention settings. */
const KINDS = {
  datasets: ["Deleted datasets", (keeps) => `${days(keeps.bin_days)} in the bin, or deleted for good`],
  commits: ["Versions", (keeps) => expires(keeps.keep_unreachable_days, (time) => `no name, sample or job has needed them for ${time}`)],
  data_files: ["Data files", () => "no version needs them"],
  jobs: ["Ended jobs", (keeps) => expires(keeps.keep_jobs_days, (time) => `ended ${time} ago; jobs of stored samples stay`)],
  log_entries: ["Log entries", (keeps) => expires(keeps.keep_logs_days, (time) => `older than ${time}, or of a job that goes`)],
  uploads: ["Uploaded files", (keeps) => expires(keeps.keep_uploads_days, (time) => `their import failed ${time} ago and was not retried`)],
  counts: ["Summaries of columns", (keeps) => expires(keeps.keep_counts_days, (time) => `not used for ${time}; made again when needed`)],
  tokens: ["Sessions and tokens", () => "expired"],
  sign_in_links: ["One-time links", () => "expired"],
  idempotency_keys: ["Keys of repeated requests", () => "older than a day"],
};

const amount = (kind) => (kind.count ? `${number(kind.count)}${kind.size_bytes ? ` · ${bytes(kind.size_bytes)}` : ""}` : "–");
const counted = (report) => report.kinds.filter((kind) => kind.count);

function headline(report) {
  const things = counted(report).reduce((total, kind) => total + kind.count, 0);
  one("#can-go").textContent = bytes(report.size_bytes);
  one("#can-go-what").textContent = things ? `${number(things)} ${things === 1 ? "object" : "objects"}` : "nothing";
  remove.hidden = !things;
}

/** A table of the kinds: what can be deleted now and in some days, and why. */
function show(reports) {
  const [now] = reports;
  const shown = now.kinds.map((kind, place) => ({ kind, amounts: reports.map((report) => report.kinds[place]) }))
    .filter(({ amounts }) => amounts.some((each) => each.count));
  headline(now);
  if (!shown.length) return fill(found, h("p", {}, "Nothing can be deleted now or in the next 100 days."));
  const headings = ["What", "Now", ...AHEAD_DAYS.slice(1).map((each) => `In ${days(each)}`), "Why"];
  const row = ({ kind, amounts }) => {
    const [title, why] = KINDS[kind.kind] ?? [kind.kind.replaceAll("_", " "), () => ""];
    const examples = kind.examples.map((example) => example.name).join(", ");
    return h("tr", {},
      h("td", { "data-label": headings[0], title: examples || null }, title),
      amounts.map((each, place) => h("td", { "data-label": headings[place + 1], class: "number" }, amount(each))),
      h("td", { "data-label": "Why", class: "soft" }, why(now.keeps)));
  };
  fill(found,
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "What can go" }, h("table", { class: "cards" },
      h("thead", {}, h("tr", {}, headings.map((name, place) => h("th", { scope: "col", class: place && name !== "Why" ? "number" : null }, name)))),
      h("tbody", {}, shown.map(row)))),
    h("p", { class: "soft" }, "The columns of later days include what can be deleted before, if nothing else changes."));
}

async function count() {
  preview.disabled = remove.disabled = true;
  try {
    const reports = [];
    for (const each of AHEAD_DAYS) reports.push(await prune(true, each));
    show(reports);
  } catch (problem) {
    fill(found, h("p", {}, "It could not be counted."));
    reportProblem(problem);
  }
  preview.disabled = remove.disabled = false;
}

preview.addEventListener("click", count);

remove.addEventListener("click", async () => {
  if (!(await confirmed("Delete this data now? It can only be restored from a backup.", "prune"))) return;
  preview.disabled = remove.disabled = true;
  try {
    let [objects, size, complete] = [0, 0, false];
    while (!complete) {
      const report = await prune(false);
      complete = report.complete;
      size += report.size_bytes;
      objects += counted(report).reduce((total, kind) => total + kind.count, 0);
      fill(found, h("p", { role: "status" }, `${complete ? "Done." : "Continuing."} Deleted ${number(objects)} ${objects === 1 ? "object" : "objects"}, ${bytes(size)}.`));
      headline(report);
    }
    one("#can-go").textContent = bytes(0);
    one("#can-go-what").textContent = "nothing";
    remove.hidden = true;
  } catch (problem) { reportProblem(problem); }
  preview.disabled = remove.disabled = false;
});

count();
