// The size of an audit sample: the server finds the items that show errors to be below a materiality.

import { callApi } from "./api.js";
import { debounce, fill, h } from "./dom.js";
import { refuse } from "./draw_fields.js";
import { confidenceField, designOf, refuseGoal } from "./draw_goal.js";
import { amount, number } from "./format.js";

/** The likelihoods; one of rows alone is not for money. */
const LIKELIHOODS = { poisson: "Poisson", binomial: "binomial", hypergeometric: "hypergeometric" };
/** The exceptions with which stage 1, and both stages, accept. */
const STOP_OR_GO = [0, 1];

const textOf = (value) => (value > 0 && value < 1 ? `${Number((value * 100).toPrecision(12))}%` : number(value).replace(/^\d{1,3}\.\d{3}$/, "$&0"));

/** What is typed, by the step's object. */
const forms = new WeakMap();

/** The fields of a materiality, and the size that the server finds for it. */
export function materialityForm(context, round, { id, method, loc }) {
  const { materiality, expected = 0, confidence, likelihood, accept } = round.goal;
  const usual = method.selects_money ? "poisson" : "hypergeometric";
  const form = forms.get(round.goal) ?? { tolerable: textOf(materiality), expected: textOf(expected), confidence: textOf(confidence), likelihood, usual, accept };
  // Rows and money have other likelihoods.
  if (form.usual !== usual) Object.assign(form, { likelihood: undefined, usual });
  const staged = () => method.has_stages && Boolean(form.accept);
  const found = h("div", { class: "stack", role: "status" });
  const tolerable = h("input", { id, "data-loc": id, autocomplete: "off", inputmode: "decimal", "aria-label": method.selects_money ? "Tolerable misstatement" : "Tolerable rate of deviation", placeholder: "3% or 50,000", value: form.tolerable });
  const few = h("input", { id: `${loc}.expected`, autocomplete: "off", inputmode: "decimal", "aria-label": "Expected errors", placeholder: "0", value: form.expected });
  const [level, levels] = confidenceField(loc, form.confidence, (typed) => { form.confidence = typed; find(); });
  let turn = 0;
  const ask = debounce(async () => {
    if (!tolerable.isConnected) return;
    const current = (turn += 1);
    const wanted = { materiality: form.tolerable, expected: form.expected || 0, confidence: form.confidence, likelihood: form.likelihood };
    if (staged()) Object.assign(wanted, { expected: 0, accept: form.accept });
    refuse(tolerable);
    refuse(level);
    fill(found);
    try {
      const answer = await callApi(`${context.sampling}/size`, { json: { ...context.source(), goal: wanted, design: designOf(round) } });
      if (current !== turn || !tolerable.isConnected) return;
      round.goal = answer.round.goal;
      forms.set(round.goal, form);
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
  tolerable.addEventListener("input", () => { form.tolerable = tolerable.value; find(); });
  few.addEventListener("input", () => { form.expected = few.value; find(); });
  few.disabled = staged();
  const chooseStages = (event) => {
    form.accept = event.target.checked ? STOP_OR_GO : undefined;
    few.disabled = staged();
    find();
  };
  const likelihoods = Object.entries(LIKELIHOODS).filter(([name]) => !method.selects_money || name !== "hypergeometric");
  context.onRegroup(find);
  find();
  return [h("div", { class: "row" },
    h("div", { class: "field compact" }, tolerable), h("span", {}, "with"), h("div", { class: "field compact" }, few), h("span", {}, "expected, at"),
    level, h("span", {}, "confidence"), levels,
    h("select", { "aria-label": "Likelihood", onchange: (event) => { form.likelihood = event.target.value; find(); } },
      likelihoods.map(([name, title]) => h("option", { value: name, selected: name === (form.likelihood ?? usual) }, title))),
    method.has_stages ? h("label", { class: "check" }, h("input", { type: "checkbox", checked: staged(), onchange: chooseStages }), "In two stages") : null), found];
}

const exact = (share) => `${Number((100 * share).toPrecision(4))} %`;

function showAnswer(element, { sample_size: size, materiality: found, eligible_rows: rows, notes, round }) {
  const of = found.book_total === null ? `${number(rows)} rows` : `${amount(found.book_total)} in ${found.book_column}`;
  const stages = found.two_stages;
  if (round.goal.accept) {
    fill(element, h("small", { class: "soft" }, `${number(stages.first)} rows of ${number(rows)}, and ${number(stages.second)} more if needed: the risk to accept ${exact(found.materiality)} is ${exact(stages.risk)}.`),
      h("small", { class: "soft" }, stages.rule));
    return;
  }
  fill(element,
    h("small", { class: "soft" }, `${number(size)} ${found.book_total === null ? "rows" : "units"} of ${of}: upper limit ${exact(found.upper_limit)}, below ${exact(found.materiality)}`),
    notes.map((note) => h("small", { class: "soft" }, note)),
    stages ? h("small", { class: "soft" }, `Or in two stages: ${stages.rule}`) : null);
}
