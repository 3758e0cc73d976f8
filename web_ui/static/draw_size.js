// The size of a step: rows or a share, for a margin of error, per group, or by group.

import { h } from "./dom.js";
import { numberOf, percentOf, readAmount, refuse, shareText, SIZES } from "./draw_fields.js";
import { forgetGoal, goalForm, isShown } from "./draw_goal.js";
import { RULE, sizesTable } from "./draw_groups.js";
import { forms, materialityForm } from "./draw_materiality.js";
import { number } from "./format.js";

const KINDS = {
  rows: "Rows or %", clusters: "As many as the clusters have", margin: "For a margin of ±", materiality: "For a tolerable rate of deviation of", programme: "By a programme, tolerable", samples_per_stratum: "Rows per group", sizes: "Rows by group", interval: "Every k-th row",
};
/** Whether strata can be taken whole. */
const takesAll = (method) => method.parameters.some((one) => one.name === "take_all");
const OF_MONEY = { interval: "Interval of money", materiality: "For a tolerable misstatement of" };
const nameOf = (kind, method) => (method.selects_money && OF_MONEY[kind]) || (kind === "rows" && takesAll(method) ? "Rows or %, divided by a rule" : KINDS[kind]);
/** The kinds of size beside which groups can be taken whole. */
const BESIDE = ["rows", "samples_per_stratum"];
/** Sizes that the server finds. */
const PLANNED = ["margin", "materiality", "programme"];
const CONFIDENCE = 0.95;

/** The parameter that gives the size now. */
export function kindOf(method, round) {
  return SIZES.find((name) => name in round.parameters && method.parameters.some((one) => one.name === name)) ?? "sample_size";
}

function kindsOf(method, programmes) {
  const names = method.parameters.map((one) => one.name);
  const own = Object.keys(KINDS).filter((kind) => names.includes(kind));
  if (names.includes("num_clusters")) return ["clusters", "margin"];
  if (!names.includes("sample_size")) return own;
  const isAudited = method.equal_chances || method.selects_money;
  return ["rows", ...(method.planned_by ? ["margin"] : []), ...(isAudited ? ["materiality"] : []), ...(programmes.length ? ["programme"] : []), ...own];
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

/** What an evaluation of strata tolerates: it sizes none of them, and is recorded with the draw. */
function tolerableField(context, round, loc) {
  const { materiality, confidence = CONFIDENCE } = round.goal ?? {};
  if (materiality !== undefined) round.goal = { materiality, confidence };
  const id = `${loc}.goal.materiality`;
  const input = h("input", { id, "data-loc": id, autocomplete: "off", inputmode: "decimal", placeholder: "none, 3% or 50,000",
    value: materiality === undefined ? "" : materiality < 1 ? shareText(materiality) : number(materiality), oninput: () => {
      const text = input.value.trim();
      const share = percentOf(text);
      const { plain, problem } = text && share === undefined ? readAmount(text) : {};
      refuse(input, problem);
      if (text && !problem) round.goal = { materiality: share === undefined ? Number(plain) : Number((share / 100).toPrecision(12)), confidence };
      else delete round.goal;
      context.changed();
    } });
  return h("div", { class: "field" }, h("label", { for: id }, "Tolerable misstatement"), input,
    h("small", {}, "It doesn’t size the groups. It is recorded, and the evaluation opens with it."));
}

export function sizeForm(context, round, method, loc, refresh) {
  const programmes = context.programmes.filter(({ methods }) => methods.includes(method.name));
  const kinds = kindsOf(method, programmes);
  const { parameters } = round;
  const isNoted = method.planned_by === "strata";
  if (round.goal && !("materiality" in round.goal ? isNoted || kinds.includes("materiality") : kinds.includes("margin"))) delete round.goal;
  const current = kindOf(method, round);
  const kind = forms.has(round) && programmes.length ? "programme" : !isNoted && round.goal && "materiality" in round.goal ? "materiality" : round.goal && isShown(round.goal) ? "margin" : kinds.includes("clusters") ? "clusters" : ["sample_size", "sample_fraction"].includes(current) ? "rows" : current;
  const goalId = kinds.includes("clusters") ? `${loc}.goal` : fieldId(loc, "margin");
  const choose = (next) => {
    const whole = parameters.take_all ?? Object.keys(parameters.sizes ?? {}).filter((label) => parameters.sizes[label] === "all");
    delete parameters.take_all;
    for (const name of SIZES) delete parameters[name];
    if (!isNoted || !("materiality" in (round.goal ?? {}))) delete round.goal;
    if (takesAll(method) && BESIDE.includes(next) && whole.length) parameters.take_all = whole;
    forgetGoal(round);
    forms.delete(round);
    if (next === "programme") {
      delete round.goal;
      forms.set(round, { programme: programmes[0].name });
    }
    if (next === "margin") round.goal = { margin: 0.03, confidence: CONFIDENCE };
    if (next === "materiality") round.goal = { materiality: 0.05, confidence: CONFIDENCE };
    if (PLANNED.includes(next) && kinds.includes("rows")) parameters.sample_size = 100;
    else if (kinds.includes("clusters")) parameters.num_clusters ??= 5;
    else if (next === "rows") parameters.sample_size = 100;
    else parameters[next] = next === "sizes" ? Object.fromEntries(whole.map((label) => [label, "all"])) : method.parameters.find((one) => one.name === next).initial ?? 10;
    if (next === "samples_per_stratum" || next === "sizes") for (const name of ["min_per_stratum", ...RULE]) delete parameters[name];
    refresh();
    context.changed();
    document.getElementById(next === "margin" ? goalId : fieldId(loc, next))?.focus();
  };
  return [
    h("div", { class: "row" },
      kinds.length > 1 ? h("select", { "aria-label": "Size", onchange: (event) => choose(event.target.value) },
        kinds.map((one) => h("option", { value: one, selected: one === kind }, nameOf(one, method)))) : h("span", {}, nameOf(kind, method)),
      h("div", { class: "field compact" }, sizeInput(context, round, method, loc, kind))),
    kind === "margin" ? goalForm(context, round, { id: goalId, method, loc }) : PLANNED.includes(kind) ? materialityForm(context, round, { id: goalId, method, loc, programmes: kind === "programme" && programmes }) : null,
    kind === "sizes" || (BESIDE.includes(kind) && takesAll(method)) ? h("div", { class: "field" }, sizesTable(context, round, `${loc}.parameters.${kind === "sizes" ? kind : "take_all"}`)) : null,
    isNoted && !PLANNED.includes(kind) ? tolerableField(context, round, loc) : null,
  ];
}

const fieldId = (loc, kind) => `${loc}.parameters.${["rows", ...PLANNED].includes(kind) ? "sample_size" : kind}`;

function sizeInput(context, round, method, loc, kind) {
  const { parameters } = round;
  const id = fieldId(loc, kind);
  const common = { id, "data-loc": id, autocomplete: "off", inputmode: "decimal" };
  if (["sizes", "clusters", ...PLANNED].includes(kind)) return null;
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
