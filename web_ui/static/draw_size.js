// The size of a step: rows or a share, for a margin of error, per group, or by group.

import { callApi } from "./api.js";
import { debounce, fill, h } from "./dom.js";
import { sizesTable } from "./draw_groups.js";
import { numberOf, percentOf, refuse } from "./draw_fields.js";
import { number, percent } from "./format.js";
import { withPlace } from "./words.js";

/** The parameters that give a size. */
export const SIZES = ["sample_size", "sample_fraction", "samples_per_stratum", "sizes", "interval"];
const KINDS = {
  rows: "Rows or %", margin: "For a margin of ±", samples_per_stratum: "Rows per group", sizes: "Rows by group", interval: "Every k-th row",
};
const MONETARY = "monetary_unit";
/** What a size of a kind is called. */
const nameOf = (kind, method) => (kind === "interval" && method.name === MONETARY ? "Interval of money" : KINDS[kind]);
const NO_MARGIN = "Write a margin above 0 % and below 100 %, such as 3%.";
const CONFIDENCE = 0.95;

/** The parameter that gives the size now. */
export function kindOf(method, round) {
  return SIZES.find((name) => name in round.parameters && method.parameters.some((one) => one.name === name)) ?? "sample_size";
}

function kindsOf(method) {
  const names = method.parameters.map((one) => one.name);
  const own = Object.keys(KINDS).filter((kind) => names.includes(kind));
  if (!names.includes("sample_size")) return own;
  const hasMargin = method.exactly_one_of.length && method.name !== MONETARY;
  return ["rows", ...(hasMargin ? ["margin"] : []), ...own];
}

/** "5%" → {sample_fraction: 0.05}; "1,000" → {sample_size: 1000}; another text is sent as it is, for the server's error. */
function sizeOf(input) {
  const share = percentOf(input.value);
  if (share === undefined) {
    const rows = numberOf(input);
    return rows === undefined ? {} : { sample_size: Number.isSafeInteger(rows) ? rows : input.value };
  }
  refuse(input);
  return { sample_fraction: Number((share / 100).toPrecision(12)) };
}

/** "3%", "3", "0.03" and "0,03" → 0.03; undefined for a text that isn’t a margin. */
function marginOf(text) {
  const plain = text.replace(/[±\s]/g, "");
  const percents = percentOf(plain) ?? percentOf(`${plain}%`);
  const margin = plain.endsWith("%") || percents >= 1 ? percents / 100 : percents;
  return margin > 0 && margin < 1 ? Number(margin.toPrecision(12)) : undefined;
}

const shareText = (fraction) => `${Number((fraction * 100).toPrecision(12))}%`;

export function sizeForm(context, round, method, loc, refresh) {
  const kinds = kindsOf(method);
  if (!kinds.length) return h("p", { class: "soft" }, "As many rows as the clusters have, or those under “More options”.");
  const { parameters } = round;
  if (!kinds.includes("margin")) delete round.goal;
  const current = kindOf(method, round);
  const kind = round.goal ? "margin" : ["sample_size", "sample_fraction"].includes(current) ? "rows" : current;
  const choose = (next) => {
    for (const name of SIZES) delete parameters[name];
    delete round.goal;
    if (next === "margin") { round.goal = { margin: 0.03, confidence: CONFIDENCE }; parameters.sample_size = 100; }
    else if (next === "rows") parameters.sample_size = 100;
    else parameters[next] = next === "sizes" ? {} : method.parameters.find((one) => one.name === next).initial ?? 10;
    if (next === "samples_per_stratum" || next === "sizes") for (const name of ["allocation", "allocation_column", "cost_column", "min_per_stratum"]) delete parameters[name];
    refresh();
    context.changed();
    document.getElementById(fieldId(loc, next))?.focus();
  };
  return [
    h("div", { class: "row" },
      kinds.length > 1 ? h("select", { "aria-label": "Size", onchange: (event) => choose(event.target.value) },
        kinds.map((one) => h("option", { value: one, selected: one === kind }, nameOf(one, method)))) : h("span", {}, nameOf(kind, method)),
      h("div", { class: "field compact" }, sizeInput(context, round, method, loc, kind))),
    kind === "sizes" ? h("div", { class: "field" }, sizesTable(context, round, `${loc}.parameters.sizes`)) : null,
  ];
}

const fieldId = (loc, kind) => `${loc}.parameters.${kind === "rows" || kind === "margin" ? "sample_size" : kind}`;

function sizeInput(context, round, method, loc, kind) {
  const { parameters } = round;
  const id = fieldId(loc, kind);
  const common = { id, "data-loc": id, autocomplete: "off", inputmode: "decimal" };
  if (kind === "sizes") return null;
  if (kind === "margin") return marginInput(context, round, common);
  if (kind === "rows") {
    const value = "sample_fraction" in parameters ? shareText(parameters.sample_fraction) : number(parameters.sample_size ?? "");
    const input = h("input", { ...common, "aria-label": "Rows", placeholder: "1,000 or 5%", value, oninput: () => {
      delete parameters.sample_size;
      delete parameters.sample_fraction;
      const given = sizeOf(input);
      const takesShares = method.parameters.some((one) => one.name === "sample_fraction");
      Object.assign(parameters, "sample_fraction" in given && !takesShares ? { sample_size: input.value } : given);
      input.dataset.loc = "sample_fraction" in parameters ? `${loc}.parameters.sample_fraction` : id;
      context.changed();
    } });
    return input;
  }
  return h("input", { ...common, "aria-label": nameOf(kind, method), value: number(parameters[kind] ?? ""), oninput: (event) => {
    const given = numberOf(event.target);
    if (given === undefined) delete parameters[kind];
    else parameters[kind] = given;
    context.changed();
  } });
}

/** The field of a margin; the server finds the rows. The step records its goal. */
function marginInput(context, round, common) {
  const { confidence } = round.goal;
  const found = h("small", { class: "soft", role: "status" });
  const input = h("input", { ...common, "aria-label": "Margin of error", placeholder: "3%", value: shareText(round.goal.margin) });
  let turn = 0;
  const ask = debounce(async () => {
    if (!input.isConnected) return;
    const current = (turn += 1);
    const { seed, ...parameters } = round.parameters;
    delete parameters.sample_size;
    const margin = marginOf(input.value);
    if (margin) round.goal = { margin, confidence };
    try {
      const answer = margin && await callApi(`${context.sampling}/size`, { json: {
        ...context.source(), goal: round.goal, design: { method: round.method, parameters, filters: round.filters ?? null } } });
      if (current !== turn || !input.isConnected) return;
      refuse(input, answer ? null : NO_MARGIN);
      if (answer) Object.assign(round.parameters, answer.parameters, seed === undefined ? {} : { seed });
      found.textContent = answer
        ? `${number(answer.sample_size)} of ${number(answer.eligible_rows)} rows: ± ${percent(answer.margin_of_error)} at ${shareText(confidence).replace("%", " %")} confidence` : "";
    } catch (problem) {
      if (current !== turn || !input.isConnected) return;
      refuse(input, problem.errors?.length ? withPlace(problem.errors[0]) : problem.message);
      found.textContent = "";
    }
    delete input.dataset.counting;
    context.changed();
  }, 300);
  /** The plan and the draw wait for the size of the new margin. */
  const find = () => {
    turn += 1;
    input.dataset.counting = "";
    ask();
  };
  input.addEventListener("input", () => { find(); context.changed(); });
  context.onRegroup(find);
  find();
  return [input, found];
}
