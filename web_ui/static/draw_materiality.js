// The size of an audit sample: the server finds the items that show errors to be below a materiality.

import { callApi } from "./api.js";
import { debounce, fill, h } from "./dom.js";
import { check, ratesOf, refuse, shareText, SIZES, soft } from "./draw_fields.js";
import { confidenceField, designOf, refuseGoal } from "./draw_goal.js";
import { amount, number, percent } from "./format.js";

/** The likelihoods; one of rows alone is not for money. */
const LIKELIHOODS = { poisson: "Poisson", binomial: "binomial", hypergeometric: "hypergeometric" };
/** The exceptions with which stage 1, and both stages, accept. */
const STOP_OR_GO = [0, 1];

const textOf = (value) => (value > 0 && value < 1 ? shareText(value) : number(value).replace(/^\d{1,3}\.\d{3}$/, "$&0"));

/** What is typed, by the goal; by the step for an audit programme. */
export const forms = new WeakMap();

/** "200", or "AT01 = 150; CH01 = 400". */
const spreadOf = (text = "") => (text.includes("=") ? { deviations: Object.fromEntries(ratesOf(text)) } : { deviation: text || undefined });

/** The fields of a materiality, and the size that the server finds for it. */
export function materialityForm(context, round, { id, method, loc, programmes }) {
  const { materiality, expected = 0, confidence, likelihood, accept } = round.goal ?? {};
  const usual = method.selects_money ? "poisson" : "hypergeometric";
  const form = forms.get(programmes ? round : round.goal) ?? { tolerable: textOf(materiality), expected: textOf(expected), confidence: textOf(confidence), likelihood, usual, accept };
  // Rows and money have other likelihoods.
  if (form.usual !== usual) Object.assign(form, { likelihood: undefined, usual });
  const staged = () => method.has_stages && Boolean(form.accept);
  const found = h("div", { class: "stack", role: "status" });
  const tolerable = h("input", { id, "data-loc": id, autocomplete: "off", inputmode: "decimal", "aria-label": programmes || method.selects_money ? "Tolerable misstatement" : "Tolerable rate of deviation", placeholder: "3% or 50,000", value: form.tolerable });
  const few = h("input", { id: `${loc}.expected`, autocomplete: "off", inputmode: "decimal", "aria-label": "Expected errors", placeholder: "0", value: form.expected });
  const [level, levels] = confidenceField(loc, form.confidence, (typed) => { form.confidence = typed; find(); });
  let turn = 0;
  const ask = debounce(async () => {
    if (!tolerable.isConnected) return;
    const current = (turn += 1);
    const goal = { materiality: form.tolerable || undefined, expected: form.expected || 0, confidence: form.confidence || undefined, likelihood: form.likelihood };
    if (staged()) Object.assign(goal, { expected: 0, accept: form.accept });
    const wanted = programmes ? { programme: { ...goal, name: form.programme, book_column: context.amountColumn() || undefined, ...spreadOf(form.deviation) } } : { goal };
    refuse(tolerable);
    refuse(level);
    fill(found);
    try {
      const answer = await callApi(`${context.sampling}/size`, { json: { ...context.source(), ...wanted, design: designOf(round) } });
      if (current !== turn || !tolerable.isConnected) return;
      if (!programmes) {
        round.goal = answer.round.goal;
        forms.set(round.goal, form);
      }
      for (const name of SIZES) delete round.parameters[name];
      Object.assign(round.parameters, answer.parameters);
      showAnswer(found, answer);
    } catch (problem) {
      if (current !== turn || !tolerable.isConnected) return;
      refuseGoal(tolerable, level, problem);
    }
    delete tolerable.dataset.counting;
    context.changed();
  }, 300);
  /** The plan and the draw wait for the size of the new materiality. */
  const find = () => {
    turn += 1;
    tolerable.dataset.counting = "";
    ask();
    context.changed();
  };
  const set = (name) => ({ target }) => { form[name] = target.value; find(); };
  tolerable.addEventListener("input", set("tolerable"));
  few.addEventListener("input", set("expected"));
  few.disabled = staged();
  const chooseStages = (on) => {
    form.accept = on ? STOP_OR_GO : undefined;
    few.disabled = staged();
    find();
  };
  const likelihoods = Object.entries(LIKELIHOODS).filter(([name]) => !method.selects_money || name !== "hypergeometric");
  context.onRegroup(find);
  find();
  return [h("div", { class: "row" },
    h("div", { class: "field compact" }, tolerable), h("span", {}, "with"), h("div", { class: "field compact" }, few), h("span", {}, "expected, at"),
    level, h("span", {}, "confidence"), levels,
    programmes ? [h("span", {}, "by"), h("select", { "aria-label": "Programme", onchange: set("programme") }, programmes.map(({ name, title }) => h("option", { value: name, selected: name === form.programme }, title))),
      h("label", { class: "check" }, "with a guessed deviation of", h("input", { autocomplete: "off", placeholder: method.planned_by === "strata" && "A = 9; B = 5", value: form.deviation, oninput: set("deviation") }))] : h("select", { "aria-label": "Likelihood", onchange: set("likelihood") },
      likelihoods.map(([name, title]) => h("option", { value: name, selected: name === (form.likelihood ?? usual) }, title))),
    method.has_stages && !programmes ? check("In two stages", staged(), chooseStages) : null), found];
}

const exact = (share) => `${Number((100 * share).toPrecision(4))} %`;

function showAnswer(element, { sample_size: size, materiality: found, programme, confidence, eligible_rows: rows, notes, round }) {
  if (programme) {
    fill(element, [`${number(size)} of ${number(rows)} rows: ${programme.formula} gives ${amount(programme.unrounded.toFixed(2))} at ${percent(confidence)}, tolerable ${amount(programme.tolerable)}`, ...notes, programme.statement].map(soft));
    return;
  }
  const of = found.book_total === null ? `${number(rows)} rows` : `${amount(found.book_total)} in ${found.book_column}`;
  const stages = found.two_stages;
  if (round.goal.accept) {
    fill(element, soft(`${number(stages.first)} rows of ${number(rows)}, and ${number(stages.second)} more if needed: the risk to accept ${exact(found.materiality)} is ${exact(stages.risk)}.`),
      soft(stages.rule));
    return;
  }
  fill(element,
    soft(`${number(size)} ${found.book_total === null ? "rows" : "units"} of ${of}: upper limit ${exact(found.upper_limit)}, below ${exact(found.materiality)}`),
    notes.map(soft),
    stages ? soft(`Or in two stages: ${stages.rule}`) : null);
}
