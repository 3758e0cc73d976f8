// The column heads of a grid: a chart of each visible column, and a panel to filter by its parts.

import { callApi } from "./api.js";
import { all, fill, h, inList, one, s } from "./dom.js";
import { number, percent } from "./format.js";

const BATCH = 4;
const WIDTH = 104;
const HEIGHT = 30;
const grid = one(".datagrid[data-summaries]");
const query = new URLSearchParams(location.search);
const filters = ["filters", "filter"].flatMap((name) => query.getAll(name)).filter((text) => text.trim());
const expression = filters.length > 1 ? filters.map((text) => `(${text})`).join(" AND ") : filters[0];
const waiting = new Set();
let isLoading = false;

/** The page with one more filter. */
function filteredBy(condition) {
  const query = new URLSearchParams(location.search);
  query.delete("offset");
  query.append("filters", condition);
  return `${location.pathname}?${query}`;
}

function chartOf(column) {
  const largest = Math.max(...column.parts.map((part) => part.row_count), 1);
  const mark = (part, attributes) => s("rect", { class: "mark", "data-filters": part.filters, ...attributes },
    s("title", {}, `${part.label}: ${shareOf(column, part)}`));
  const step = column.chart === "bins" ? WIDTH / column.parts.length : 0;
  const marks = column.chart === "bins"
    ? column.parts.map((part, at) => {
      const height = part.row_count ? Math.max((HEIGHT * part.row_count) / largest, 1) : 0;
      return mark(part, { x: at * step, y: HEIGHT - height, width: Math.max(step - 1, 1), height });
    })
    : column.parts.slice(0, 2).map((part, at) => s("g", {},
      mark(part, { y: at * 16, width: Math.max((WIDTH * part.row_count) / Math.max(column.row_count - column.missing, 1), 2), height: 14 }),
      s("text", { x: 4, y: at * 16 + 11 }, part.label.length > 15 ? `${part.label.slice(0, 14)}…` : part.label)));
  return s("svg", { class: "picture", width: WIDTH, height: HEIGHT, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" }, ...marks);
}

function shareOf(column, part) {
  const share = percent(part.row_count / Math.max(column.row_count, 1));
  return column.sampled ? `about ${share}` : `${number(part.row_count)} rows, ${share}`;
}

function factsOf(column) {
  const missing = column.row_count ? percent(column.missing / column.row_count) : "0 %";
  const about = column.sampled ? "about " : "";
  return [`${about}${missing} missing`, column.distinct ? `${column.distinct_exact ? "" : "about "}${number(column.distinct)} unique` : ""];
}

function show(column) {
  const head = one(`th[data-column="${CSS.escape(column.name)}"]`, grid);
  const [missing, unique] = factsOf(column);
  const caption = column.missing ? missing : unique || missing;
  const button = h("button", { type: "button", class: "summary", "aria-label": `Values of ${column.name}: ${missing}${unique ? `, ${unique}` : ""}` },
    column.parts.length ? chartOf(column) : null, h("small", {}, caption));
  button.addEventListener("click", (event) => {
    const condition = event.target.dataset?.filters;
    if (condition) location.assign(filteredBy(condition));
    else openPanel(column);
  });
  one(".summary", head).replaceWith(button);
}

/** Show a column's figures, and its parts as links that filter. */
function openPanel(column) {
  const [missing, unique] = factsOf(column);
  const range = column.minimum === null ? null : h("p", { class: "soft" }, `${number(column.minimum)} to ${number(column.maximum)}`);
  const dialog = h("dialog", { "aria-label": `Column ${column.name}` },
    h("div", { class: "head" }, h("h2", {}, column.name), h("span", { class: "chip" }, column.type),
      h("form", { method: "dialog", class: "actions" }, h("button", {}, "Close"))),
    h("p", {}, `${missing}${unique ? ` · ${unique}` : ""}`), range,
    column.clipped ? h("p", { class: "soft" }, "The first and last bars have no limit: a few values lie far outside.") : null,
    column.parts.length ? h("div", { class: "scroll tall" }, h("table", {}, h("tbody", {}, column.parts.filter((part) => part.row_count).map((part) =>
      h("tr", {}, h("td", {}, h("a", { href: filteredBy(part.filters) }, part.label)), h("td", { class: "number" }, shareOf(column, part))))))) : null,
    column.missing ? h("p", {}, h("a", { href: filteredBy(`${quoted(column.name)} IS NULL`) }, "Show rows without a value")) : null);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

const quoted = (name) => `"${name.replaceAll('"', '""')}"`;

async function load() {
  if (isLoading) return;
  isLoading = true;
  while (waiting.size) {
    const names = [...waiting].slice(0, BATCH);
    names.forEach((name) => waiting.delete(name));
    try {
      const query = { columns: names.map(inList).join(","), filters: expression };
      (await callApi(grid.dataset.summaries, { query })).columns.forEach(show);
    } catch {
      names.forEach((name) => fill(one(`th[data-column="${CSS.escape(name)}"] .summary`, grid), "No chart"));
    }
  }
  isLoading = false;
}

if (grid) {
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      waiting.add(entry.target.dataset.column);
    }
    load();
  }, { root: grid });
  all("th[data-column]", grid).forEach((head) => seen.observe(head));
}
