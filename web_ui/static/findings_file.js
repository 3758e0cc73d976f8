// Upload a filled-in entry list: see what each line would enter, then enter the findings.

import { h, one } from "./dom.js";
import { amount, number } from "./format.js";
import { connectRowFile, figure } from "./row_file.js";

const form = one("#list");

const FIGURES = [
  ["new", "New"],
  ["changed", "Changed"],
  ["unchanged", "Unchanged"],
  ["empty", "Without a finding"],
  ["refused", "Refused"],
  ["doubtful", "Please check"],
];
const ACTIONS = { refused: "Refused", changed: "Changed", new: "New" };
const CHIPS = { refused: "chip bad", changed: "chip accent", new: "chip good" };

const counted = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;

/** A finding in one line. */
function text(finding) {
  if (!finding) return "–";
  const titles = JSON.parse(form.dataset.outcomes);
  return [titles[finding.outcome], finding.audit_value !== null && `audit value ${amount(finding.audit_value)}`, finding.deviations.length > 0 && `deviates from ${finding.deviations.join(", ")}`, finding.note, finding.cause_text].filter(Boolean).join(", ");
}

function tableOf(lines) {
  const head = ["Row", "Key", "", "Newest finding", "Finding of the line"].map((title, at) => h("th", { scope: "col", class: at ? null : "number" }, title || h("span", { class: "visually-hidden" }, "Action")));
  const rows = lines.map((line) => h("tr", {},
    h("td", { class: "number" }, number(line.line)), h("td", {}, line.key || "–"),
    h("td", {}, h("span", { class: CHIPS[line.action] }, ACTIONS[line.action])),
    h("td", {}, text(line.before)), h("td", {}, line.problem ?? text(line.after), line.doubts.map((doubt) => h("small", {}, doubt)))));
  return h("div", { class: "scroll preview-lines", tabindex: "0", role: "region", "aria-label": "Lines of the file" },
    h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows)));
}

function shown(found) {
  const listed = found.new + found.changed + found.refused;
  return [
    h("dl", { class: "figures narrow" }, FIGURES.filter(([name]) => found[name] || name === "new").map(([name, title]) => figure(title, found[name]))),
    found.missing > 0 && h("p", { class: "soft" }, `${counted(found.missing, "row")} to examine ${found.missing === 1 ? "isn’t" : "aren’t"} in the file.`),
    listed === 0 && h("p", { class: "soft" }, "No line has a finding to enter."),
    found.lines.length > 0 && tableOf(found.lines),
    listed > found.lines.length && h("p", { class: "soft" }, `The first ${number(found.lines.length)} of ${counted(listed, "line")}.`),
  ];
}

if (form) {
  connectRowFile(form, {
    path: `/api/sampling/jobs/${form.dataset.job}/findings`,
    result: one("#list-preview"),
    shown,
    storable: (found) => found.new + found.changed > 0,
    stored: ({ ids }) => {
      sessionStorage.setItem("notice", `${counted(ids.length, "finding")} entered.`);
      location.assign(`/jobs/${form.dataset.job}?tab=findings`);
    },
  });
}
