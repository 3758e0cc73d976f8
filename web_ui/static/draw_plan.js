// The plan of a draw: row counts, margin of error, strata or clusters.

import { fill, h, s } from "./dom.js";
import { amount, compact, number, percent } from "./format.js";
import { onScreen, render } from "./words.js";

const SHOWN = 30;
const WIDTH = 120;
const SUGGESTED = 3;
const USES = [["strata", "groups"], ["sizes", "amount"], ["clusters", "clusters"]];

const fact = (name, ...value) => [h("dt", {}, name), h("dd", {}, value)];

/** A step with a goal of its own has no other margin beside it. */
export function showPlan(element, plan, steps) {
  fill(element,
    h("p", {}, h("strong", {}, number(plan.total_rows)), ` of ${number(plan.source_rows)} rows will be ${plan.rounds[0].division ? "divided" : "drawn"}.`),
    excluded(plan.excluded),
    plan.earlier_job_id ? h("p", { class: "note" }, "Already drawn under this name: ",
      h("a", { href: `/jobs/${plan.earlier_job_id}` }, `job ${plan.earlier_job_id.slice(0, 8)}`), ". A new draw opens that job.") : null,
    plan.warning_templates.map(warningNote),
    plan.rounds.map((round) => h("section", {},
      plan.rounds.length > 1 ? h("h3", {}, `Step ${round.round_number}: ${round.method}`) : null,
      h("dl", { class: "facts" },
        fact("Rows to choose from", number(round.eligible_rows)),
        fact("Drawn", `${number(round.rows_planned)}${round.eligible_rows ? `, ${percent(round.rows_planned / round.eligible_rows)}` : ""}`),
        coverage(round), monetary(round),
        (round.division?.parts ?? []).map((part) => fact(part.name, `${number(part.rows)}, ${percent(part.share_of_rows ?? 0)}`)),
        round.uncovered_rows ? fact("Rows in groups without a drawn row", number(round.uncovered_rows)) : null,
        round.margin_of_error === null || steps[round.round_number - 1]?.goal ? null : [
          h("dt", { title: "Half-width of the 95 % confidence interval of a share of 50 %" }, "Margin of error"),
          h("dd", {}, `± ${percent(round.margin_of_error)}`)]),
      round.warning_templates.map(warningNote),
      groups(round))),
    suggestions(plan.hints));
}

/** How many rows are new, not drawn yet, and left out. */
const excluded = (found) => found && h("p", {}, [[found.source_rows, "rows in the table"], found.new_since && [found.new_rows, "new"], found.samples.length && [found.undrawn_rows, "not drawn yet"],
  found.group_rows && [found.group_rows, `other rows of their ${found.group}`],
  found.found_by && [found.found_rows, "found by tests"],
  [found.excluded_rows, `left out${found.new_since || found.samples.length ? `, matched by ${found.key?.join(", ") ?? "position"}` : ""}`]].filter(Boolean).map(([rows, text]) => `${number(rows)} ${text}`).join(", "), ".");

/** A group without a value is called Missing. */
const shown = ({ named, ...others }) => (named ? { ...others, named: named.replace(/"NULL"/g, "Missing") } : others);

const warningNote = ({ template, parameters }) => h("div", { class: "note warn" }, h("p", {}, render(template, shown(parameters))));

/** The share of the amount that the draw is expected to take. */
function coverage({ amount: found }) {
  if (!found) return null;
  const share = found.absolute_coverage;
  const sums = (drawn, total) => (drawn === null ? "depends on the drawn rows" : `${amount(drawn)} of ${amount(total)}`);
  const hasNegative = found.absolute_total !== found.total;
  return [h("dt", { title: found.column }, hasNegative ? "Amount covered, without signs (expected)" : "Amount covered (expected)"),
    h("dd", {}, share === null ? null : h("strong", {}, `${percent(share)} `), sums(found.absolute_drawn, found.absolute_total)),
    hasNegative ? fact("With signs (expected)", sums(found.drawn, found.total)) : null];
}

/** The amounts of a step by monetary units: each row to choose from is in one line. */
function monetary({ monetary_unit: found }) {
  if (!found) return null;
  const line = (name, { rows, total }) => fact(name, `${amount(total)} in ${number(rows)} rows`);
  return [
    line("Positive amounts", found.positive), line("Negative amounts", found.negative),
    fact("Amounts of 0, missing", `${number(found.zero.rows)}, ${number(found.missing_rows)} rows`),
    found.interval === null ? null : [h("dt", { title: "One unit of money is selected in each interval" }, "Interval"), h("dd", {}, amount(Number(found.interval).toFixed(2)))],
    line("Always drawn", found.take_all)];
}

/** Columns that the table's profile suggests for the design. */
function suggestions(hints) {
  const items = hints ? USES.flatMap(([kind, use]) => hints[kind].slice(0, SUGGESTED).map(
    (hint) => h("li", {}, `${hint.column} as ${use}: ${onScreen(hint.reason)}`))) : [];
  return items.length ? h("details", {}, h("summary", {}, "Suggested design columns"), h("ul", {}, items)) : null;
}

function groups(round) {
  const listed = round.strata ?? round.clusters;
  if (!listed?.length) return null;
  const count = round.strata_count ?? round.clusters_count;
  const most = Math.max(...listed.map((group) => group.allocated), 1);
  const cell = (text) => h("td", { class: "number" }, text);
  const isWhole = ({ rows, allocated }) => rows > 0 && allocated === rows;
  const about = (group) => [group.amount && compact(group.amount.total), isWhole(group) ? "taken whole" : group.allocated ? "sampled" : "not drawn"].filter(Boolean).join(", ");
  const [name, single] = round.strata ? ["Groups", "Group"] : ["Clusters", "Cluster"];
  return [
    h("p", { class: "soft" }, `${number(count)} ${name.toLowerCase()}${count > SHOWN ? `, ${SHOWN} shown` : ""}`),
    h("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": `${name} of step ${round.round_number}` },
      h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, single), h("th", { scope: "col", class: "number" }, "Rows"), h("th", { scope: "col", class: "number" }, "Drawn"))),
        h("tbody", {}, listed.slice(0, SHOWN).map((group) => h("tr", {},
          h("td", {}, Object.values(group.key).map((value) => value ?? "Missing").join(" | "), round.strata ? h("div", {}, h("small", { class: "soft", title: round.amount?.column }, about(group))) : null, bar(group.allocated / most)),
          cell(number(group.rows)), cell(number(group.allocated))))))),
  ];
}

const bar = (share) => s("svg", { class: "picture", width: WIDTH, height: 6, "aria-hidden": "true" },
  s("rect", { class: "mark", height: 6, width: Math.max(share * WIDTH, share > 0 ? 1 : 0) }));
