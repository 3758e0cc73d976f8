// The margin of error of a sample's amount, which takes a moment to estimate. Without one the page's figure stays.

import { callApi } from "./api.js";
import { one } from "./dom.js";
import { amount, number, percent } from "./format.js";

async function estimate() {
  const figure = one("#margin");
  const { url, column } = figure.dataset;
  const answer = await callApi(url, { json: { statistics: [{ statistic: "total", column }] } });
  const [{ estimate: total, ci_low: low, ci_high: high, confidence }] = answer.estimates;
  const gap = answer.design.uncovered_rows;
  if (low === null || high === null || !total) return;
  const half = (high - low) / 2;
  const [value, note] = figure.querySelectorAll("dd");
  value.textContent = `± ${percent(half / Math.abs(total))}`;
  note.textContent = `of the estimated total of ${column} (± ${amount(half.toFixed(0))}), at ${100 * confidence} % confidence${gap ? `; ${number(gap)} rows are in no drawn group` : ""}`;
}

// A design without a formula, or a sample without the column, has no such margin.
const show = () => estimate().catch(() => {});
document.addEventListener("part-loaded", show);
show();
