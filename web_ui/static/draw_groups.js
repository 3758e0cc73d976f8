// The groups of a step: columns, bands of an amount or a date with their histogram, and a size for each group.

import { callApi } from "./api.js";
import { debounce, fill, h } from "./dom.js";
import { check, columnSelect, isNumber, numberOf, percentOf, refuse } from "./draw_fields.js";
import { bandEditor, suggestedBreaks } from "./draw_bands.js";
import { amount, number } from "./format.js";

/** The parameters by which a size is divided among groups. */
export const RULE = ["allocation", "allocation_column", "cost_column", "rate_column", "rates", "flagged"];

const FEW = 50;
const MANY_GROUPS = 100;
const FIRST_SIZE = 25;
const isDate = (column) => /^(DATE|TIMESTAMP)/.test(column.type);
const nameOf = (entry) => (typeof entry === "string" ? entry : entry.column);

/** Columns with few values first, text and whole numbers before others. */
export function byUse(columns) {
  const place = ({ name, type, distinct }) => {
    if (typeof distinct === "number") return distinct > 1 && distinct <= FEW ? 0 : distinct === 1 ? 4 : /INT|VARCHAR/.test(type) ? 2 : 3;
    return /account|group|type|class|region|category|status|department|branch|code/i.test(name) ? 1 : 2;
  };
  return [...columns].sort((left, right) => place(left) - place(right));
}

/** Whether a column is cut to bands at first. */
function wantsBands(column) {
  if (!isNumber(column) && !isDate(column)) return false;
  if (typeof column.distinct === "number") return column.distinct > FEW;
  return !/INT/.test(column.type);
}

export function groupsPicker(context, round, id, set, refresh) {
  const entries = round.parameters.strata_columns ?? [];
  const change = (next) => { set(next.length ? next : undefined); refresh(); };
  const unused = byUse(context.columns()).filter((column) => !entries.some((entry) => nameOf(entry) === column.name));
  const choice = columnSelect(unused, { id, "data-loc": id, "aria-label": "Groups by" }, "", () => { if (!byKeys) add(); });
  // Arrow keys step through the names, so a name is added only on Enter or on blur.
  let byKeys = false;
  choice.addEventListener("pointerdown", () => { byKeys = false; });
  choice.addEventListener("keydown", (event) => {
    byKeys = true;
    if (event.key === "Enter" && choice.value) { event.preventDefault(); add(); }
  });
  choice.addEventListener("blur", () => { if (byKeys) add(); });
  async function add() {
    const column = unused.find((one) => one.name === choice.value);
    if (!column) return;
    choice.value = "";
    const entry = wantsBands(column) ? await banded(context, round, column) : column.name;
    change([...entries, entry]);
  }
  const editors = entries.map((entry, place) => {
    const column = context.columns().find((one) => one.name === nameOf(entry));
    const replace = (next) => change(entries.map((one, at) => (at === place ? next : one)));
    const canBand = column && (isNumber(column) || isDate(column));
    const isBanded = typeof entry !== "string";
    return h("div", { class: "card stack", "data-loc": `${id}.${place}` },
      h("div", { class: "row" }, h("strong", {}, nameOf(entry)),
        canBand ? check("In bands", isBanded, async (on) => replace(on ? await banded(context, round, column) : column.name)) : null,
        h("button", { type: "button", class: "plain push", "aria-label": `Remove ${nameOf(entry)}`, onclick: () => change(entries.filter((one) => one !== entry)) }, "Remove")),
      isBanded ? bandEditor(context, round, entry, `${id}.${place}.breaks`, () => { context.changed(); context.regroup(); }) : null);
  });
  return h("div", { class: "stack whole" }, editors,
    h("div", { class: "field" }, h("label", { for: id }, entries.length ? "And by" : "Groups by"), choice));
}

/** A column with breaks that its histogram suggests; its amounts are added up, and its bands have sizes of their own. */
async function banded(context, round, column) {
  const breaks = await suggestedBreaks(context, round, column.name);
  if (isNumber(column)) context.suggestAmount(column.name);
  const { parameters } = round;
  if (!["sizes", "parts", "num_clusters"].some((name) => name in parameters) && !(parameters.strata_columns ?? []).length) {
    for (const name of ["sample_size", "sample_fraction", "samples_per_stratum", "min_per_stratum", "take_all", ...RULE]) delete parameters[name];
    if (!("materiality" in (round.goal ?? {}))) delete round.goal;
    parameters.sizes = {};
  }
  return { column: column.name, breaks };
}

/** A table with a size for each group: a number, a percentage, or all; without sizes with what is taken whole. */
export function sizesTable(context, round, loc) {
  const { parameters } = round;
  const isSized = "sizes" in parameters;
  const read = () => (isSized ? parameters.sizes : Object.fromEntries((parameters.take_all ?? []).map((label) => [label, "all"])));
  const write = (sizes) => {
    if (isSized) parameters.sizes = sizes;
    else if (Object.keys(sizes).length) parameters.take_all = Object.keys(sizes);
    else delete parameters.take_all;
  };
  const element = h("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Rows by group", "data-loc": loc },
    h("p", { class: "soft" }, "Choose what makes the groups."));
  let labels = null;
  let turn = 0;
  const show = (groups, count) => {
    const next = groups.map((group) => group.label);
    const before = read() ?? {};
    const moved = labels !== null && labels.length === next.length;
    const isNew = isSized && labels === null && !next.some((label) => label in before);
    const sizes = {};
    next.forEach((label, at) => {
      const size = before[label] ?? (moved ? before[labels[at]] : undefined) ?? (isNew && label !== "NULL" ? FIRST_SIZE : undefined);
      if (size !== undefined) sizes[label] = size;
    });
    labels = next;
    write(sizes);
    counted();
    const hasAmount = groups.some((group) => group.amount);
    fill(element, h("table", { class: "cards" },
      h("thead", {}, h("tr", {}, ["Group", "Rows", ...(hasAmount ? [context.amountColumn()] : []), ...(isSized ? ["Draw"] : []), "Take all"].map((name, at) =>
        h("th", { scope: "col", class: at ? "number" : null }, name)))),
      h("tbody", {}, groups.map((group) => sizeRow(group, hasAmount)))),
    count > groups.length ? h("p", { class: "soft" }, `${number(count)} groups; the first ${groups.length} are listed.`) : null);
  };
  const sizeRow = (group, hasAmount) => {
    const { label } = group;
    const shown = label === "NULL" ? "Missing" : label;
    const set = (value) => {
      const { [label]: _, ...others } = read();
      write(value === undefined ? others : { ...others, [label]: value });
      context.changed();
    };
    const isAll = () => read()[label] === "all";
    const input = h("input", { "aria-label": `Rows of ${shown}`, class: "number", autocomplete: "off", placeholder: isAll() ? "all" : "none", "data-loc": `${loc}.${label}`,
      value: isAll() ? "" : typeof read()[label] === "number" ? number(read()[label]) : read()[label] ?? "",
      disabled: isAll(), oninput: () => {
        const share = percentOf(input.value);
        if (share !== undefined) refuse(input);
        set(/^all$/i.test(input.value.trim()) ? "all" : share === undefined ? numberOf(input) : `${share}%`);
      } });
    const all = h("input", { type: "checkbox", checked: isAll(), "aria-label": `Take all of ${shown}`, onchange: () => {
      input.disabled = all.checked;
      input.value = "";
      input.placeholder = all.checked ? "all" : "none";
      refuse(input);
      set(all.checked ? "all" : undefined);
      if (!all.checked && isSized) input.focus();
    } });
    return h("tr", {}, h("td", { "data-label": "Group" }, shown), h("td", { class: "number", "data-label": "Rows" }, number(group.rows)),
      hasAmount ? h("td", { class: "number", "data-label": "Sum" }, amount(group.amount?.total)) : null,
      isSized ? h("td", { class: "number size field", "data-label": "Draw" }, input) : null, h("td", {}, h("label", { class: "check" }, all, "Take all")));
  };
  const load = async () => {
    if (!parameters.strata_columns?.length) return counted();
    const current = (turn += 1);
    const design = { method: round.method, parameters: { strata_columns: parameters.strata_columns, samples_per_stratum: 1, seed: 1 }, filters: round.filters ?? null };
    try {
      const plan = await callApi(`${context.sampling}/plan`, { json: { ...context.source(), amount_column: context.amountColumn() || null, rounds: [design] } });
      if (current === turn) show(plan.rounds[0].strata.slice(0, MANY_GROUPS), plan.rounds[0].strata_count);
    } catch { // the plan of the whole draw shows the error
      if (current === turn) counted();
    }
  };
  /** The plan waits until the sizes name the groups as they are. */
  const counted = () => {
    delete element.dataset.counting;
    context.changed();
  };
  const soon = debounce(load, 250);
  context.onRegroup(() => { element.dataset.counting = ""; soon(); });
  element.dataset.counting = "";
  load();
  return element;
}
