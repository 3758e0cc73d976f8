// A goal of precision: the server finds the rows that a margin of error needs, and a curve shows what others would.

import { callApi } from "./api.js";
import { debounce, fill, h, s } from "./dom.js";
import { check, columnSelect, isNumber, percentOf, readNumber, refuse, shareText, SIZES, soft } from "./draw_fields.js";
import { compact, number, percent } from "./format.js";
import { withPlace } from "./words.js";

const NO_MARGIN = "Write a margin above 0 % and below 100 %, such as 3%.";
const NO_AMOUNT = "Write a margin above 0, such as 5 or, of the figure itself, 3%.";
const FIGURES = { "": "any share", proportion: "the share of a value", mean: "the mean", total: "the total" };
const CONFIDENCES = [50, 80, 90, 95, 99];
const WIDTH = 320;
const HEIGHT = 120;
const [LEFT, RIGHT, TOP, BOTTOM] = [44, 12, 8, 22];

/** What is typed for the goals of steps, by the step's object; a step itself records the last goal that is whole. */
const forms = new WeakMap();

/** The field of a goal's confidence; the server reads and refuses what is typed. */
export function confidenceField(loc, value, change) {
  const input = h("input", { id: `${loc}.goal.confidence`, "data-loc": `${loc}.goal.confidence`, class: "field compact", "aria-label": "Confidence", list: `${loc}.levels`, inputmode: "decimal", autocomplete: "off", size: 6, value, oninput: () => change(input.value) });
  return [input, h("datalist", { id: `${loc}.levels` }, CONFIDENCES.map((one) => h("option", { value: `${one}%` })))];
}

/** Mark the field that the server's error is about: the confidence, or the other one. */
export function refuseGoal(input, level, problem) {
  const [first] = problem.errors ?? [];
  refuse(first?.loc?.at(-1) === "confidence" ? level : input, first ? withPlace(first) : problem.message);
}

/** Begin anew with the goal that the step records. */
export const forgetGoal = (round) => forms.delete(round);

/** Whether the fields can show a recorded goal; the API knows more kinds. */
export const isShown = ({ margin, relative_margin: relative, statistic, by = [], interval }) =>
  (margin !== undefined || (relative !== undefined && statistic !== "proportion")) && by.length < 2 && interval !== "wilson";

/** The fields of a recorded goal. */
function formOf({ goal, parameters }) {
  const { statistic = "", column = "", value = "", by = [], margin, relative_margin: relative } = goal;
  const isShare = !statistic || statistic === "proportion" || relative !== undefined;
  return { text: isShare ? shareText(relative ?? margin ?? 0.03) : number(margin), statistic: column ? statistic : "", column, value: String(value ?? ""), by: by[0] ?? "",
    optimal: Boolean(column) && "sizes" in parameters, confidence: shareText(goal.confidence ?? 0.95) };
}

/** "3%", "3", "0.03" and "0,03" → 0.03; undefined for what is no margin of a share. */
function shareMargin(text) {
  const plain = text.replace(/[±\s]/g, "");
  const percents = percentOf(plain) ?? percentOf(`${plain}%`);
  const margin = plain.endsWith("%") || percents >= 1 ? percents / 100 : percents;
  return margin > 0 && margin < 1 ? { margin: Number(margin.toPrecision(12)) } : undefined;
}

/** "3%" → of the figure itself; "1,000" → in its units. */
function amountMargin(text) {
  const plain = text.replace(/[±\s]/g, "");
  const percents = percentOf(plain);
  if (percents !== undefined) return percents > 0 ? { relative_margin: Number((percents / 100).toPrecision(12)) } : undefined;
  const margin = Number(readNumber(plain).plain);
  return margin > 0 ? { margin } : undefined;
}

/** The goal as the API takes it; undefined while a field is missing or wrong. */
function goalOf(goal) {
  const { confidence } = goal;
  if (!goal.statistic) {
    const share = shareMargin(goal.text);
    return share && { ...share, confidence };
  }
  const margin = goal.statistic === "proportion" ? shareMargin(goal.text) : amountMargin(goal.text);
  if (!margin || !goal.column) return undefined;
  return {
    ...margin, confidence, statistic: goal.statistic, column: goal.column,
    ...(goal.statistic === "proportion" ? { value: goal.value === "" ? null : valueOf(goal) } : {}),
    ...(goal.by ? { by: [goal.by] } : {}),
  };
}

const valueOf = ({ value, isNumeric }) => (isNumeric && readNumber(value).plain !== undefined ? Number(readNumber(value).plain) : value);

/** The fields of a goal, and what the server finds for it. */
export function goalForm(context, round, { id, method, loc }) {
  const goal = forms.get(round) ?? formOf(round);
  forms.set(round, goal);
  if (!method.has_margin_of_error && !goal.statistic) {
    goal.statistic = "mean";
    goal.column = context.amountColumn() || context.columns().find(isNumber)?.name || "";
  }
  const found = h("div", { class: "stack", role: "status" });
  const fields = h("div", { class: "row" });
  const input = h("input", { id, "data-loc": id, autocomplete: "off", inputmode: "decimal", "aria-label": "Margin of error", placeholder: "3%", value: goal.text });
  const [level, levels] = confidenceField(loc, goal.confidence, (typed) => { goal.confidence = typed; find(); });
  let turn = 0;
  const show = () => {
    const columns = context.columns().filter((column) => goal.statistic === "proportion" || isNumber(column));
    if (!columns.some((column) => column.name === goal.column)) goal.column = "";
    goal.isNumeric = isNumber(columns.find((column) => column.name === goal.column) ?? { type: "" });
    const choices = Object.entries(FIGURES).filter(([name]) => name || method.has_margin_of_error);
    const set = (name, value, field) => { goal[name] = value; show(); find(); document.getElementById(`${loc}.${field}`)?.focus(); };
    const select = h("select", { "aria-label": "Figure", onchange: (event) => set("statistic", event.target.value, "figure"), id: `${loc}.figure` },
      choices.map(([name, title]) => h("option", { value: name, selected: name === goal.statistic }, title)));
    const judge = JUDGED.includes(method.planned_by) && h("label", { class: "check" }, "Judge’s correlation with the labels (a guess)", h("input", { id: `${loc}.judge`, "data-loc": `${loc}.judge`, inputmode: "decimal", autocomplete: "off", placeholder: "none, or 0.8", size: 10, value: goal.judge ?? "",
      oninput: ({ target }) => {
        goal.judge = target.value.trim();
        refuse(target, goal.judge === "" || correlationOf(goal) !== undefined ? "" : "Write a correlation from 0 to below 1, such as 0.8.");
        find();
      } }));
    fill(fields, h("span", {}, "±"), h("div", { class: "field compact" }, input), h("span", {}, "of"), select,
      goal.statistic ? [h("span", {}, "of"), columnSelect(columns, { "aria-label": "Column of the figure", id: `${loc}.figure_column` }, goal.column, (value) => set("column", value, "figure_column"))] : null,
      goal.statistic === "proportion" ? h("input", { "aria-label": "Value", placeholder: "empty: missing", autocomplete: "off", value: goal.value, oninput: ({ target }) => { goal.value = target.value; find(); } }) : null,
      goal.statistic ? [h("span", {}, "in each"), h("select", { "aria-label": "In each group of", id: `${loc}.figure_by`, onchange: (event) => set("by", event.target.value, "figure_by") },
        h("option", { value: "" }, "no groups"), context.columns().map(({ name }) => h("option", { value: name, selected: name === goal.by }, name)))] : null,
      goal.statistic && method.planned_by === "strata" ? check("Best rows by group", goal.optimal, (on) => { goal.optimal = on; find(); }) : null,
      h("span", {}, "at"), level, h("span", {}, "confidence"), levels, judge);
  };
  const ask = debounce(async () => {
    if (!fields.isConnected) return;
    const current = (turn += 1), wanted = goalOf(goal);
    if (wanted) round.goal = wanted;
    refuse(level);
    try {
      const answer = wanted && await callApi(`${context.sampling}/size`, { json: {
        ...context.source(), goal: { ...wanted, ...judgeOf(goal, method) }, design: designOf(round), allocation: goal.optimal && goal.statistic && method.planned_by === "strata" ? "optimal" : "design" } });
      if (current !== turn || !fields.isConnected) return;
      const isShare = !goal.statistic || goal.statistic === "proportion";
      const margin = (isShare ? shareMargin : amountMargin)(goal.text);
      refuse(input, answer ? null : margin ? "Choose the column of the figure." : isShare ? NO_MARGIN : NO_AMOUNT);
      fill(found);
      if (answer) {
        round.goal = { ...wanted, confidence: answer.confidence };
        use(round, answer);
        showAnswer(found, answer, isShare);
        if (answer.judge) found.append(...judgeBars(answer.judge, (judged) => { use(round, { ...answer, parameters: judged.round.parameters }); context.changed(); }));
      }
    } catch (problem) {
      if (current !== turn || !fields.isConnected) return;
      refuseGoal(input, level, problem);
      fill(found);
    }
    delete input.dataset.counting;
    context.changed();
  }, 300);
  /** The plan and the draw wait for the size of the new goal. */
  const find = () => {
    turn += 1;
    input.dataset.counting = "";
    ask();
    context.changed();
  };
  input.addEventListener("input", () => { goal.text = input.value; find(); });
  context.onRegroup(find);
  show();
  find();
  return [fields, found];

  /** Give the step the size that was found. */
  function use(step, answer) {
    const { seed } = step.parameters;
    for (const name of Object.keys(step.parameters)) delete step.parameters[name];
    Object.assign(step.parameters, answer.parameters, seed === undefined ? {} : { seed });
    const clusters = document.getElementById(`${loc}.parameters.num_clusters`);
    if (clusters) clusters.value = number(answer.clusters);
  }
}

/** The step without its size and seed. */
export function designOf(round) {
  const parameters = Object.fromEntries(Object.entries(round.parameters).filter(([name]) => name !== "seed" && !SIZES.includes(name)));
  return { method: round.method, parameters, filters: round.filters ?? null, order: round.order ?? null };
}

function showAnswer(element, answer, isShare) {
  const shown = (value) => (isShare ? percent(value) : number(Number(value.toPrecision(4))));
  const figure = answer.goals.find((each) => each.is_binding);
  const group = Object.values(figure.group).map((value) => value ?? "Missing").join(", ");
  const clusters = answer.clusters === null ? "" : ` in ${number(answer.clusters)} clusters`;
  const relative = !isShare && figure.true_value ? ` (${percent(answer.margin_of_error / Math.abs(figure.true_value))} of ${number(Number(figure.true_value.toPrecision(6)))})` : "";
  fill(element,
    soft(`${number(answer.sample_size)} of ${number(answer.eligible_rows)} rows${clusters}: ± ${shown(answer.margin_of_error)}${relative} at ${Number((answer.confidence * 100).toPrecision(6))} % confidence`
      + (group ? `, ${group} needs the most rows` : "")),
    answer.curve.length > 2 ? curve(answer, shown) : null,
    answer.notes.map(soft));
}

/** Designs for which labels with a judge are planned. */
const JUDGED = ["rows", "strata"];

/** "0.8" → 0.8; undefined for no correlation. */
function correlationOf({ judge = "" }) {
  const value = Number(judge.replace(",", "."));
  return judge !== "" && value >= 0 && value < 1 ? value : undefined;
}

/** The judge of a goal as the API takes it. */
function judgeOf(goal, method) {
  const correlation = JUDGED.includes(method.planned_by) ? correlationOf(goal) : undefined;
  return correlation === undefined ? {} : { judge: { correlation } };
}

/** The labels by people alone and with the judge, side by side, and a choice between them. */
function judgeBars(judge, choose) {
  const rows = [["People alone", judge.people_alone], ["With the judge", judge.with_judge]];
  const most = Math.max(...rows.map(([, labels]) => labels), 1);
  const bar = ([title, labels], at) => [
    s("text", { x: LEFT + 60, y: 22 * at + 15, "text-anchor": "end" }, title),
    s("rect", { class: "sample", x: LEFT + 66, y: 22 * at + 4, width: Math.max((120 * labels) / most, 1).toFixed(1), height: 14 }),
    s("text", { x: (LEFT + 72 + (120 * labels) / most).toFixed(1), y: 22 * at + 15 }, number(labels))];
  const button = h("button", { type: "button", class: "plain", onclick: () => { choose(judge); button.disabled = true; } }, `Draw ${number(judge.with_judge)} rows, for figures with the judge`);
  const picture = s("svg", { class: "picture", viewBox: `0 0 ${WIDTH} 46`, width: WIDTH, height: 46, role: "img",
    "aria-label": `Labels needed: ${rows.map(([title, labels]) => `${title} ${number(labels)}`).join(", ")}` }, ...rows.flatMap(bar));
  return [picture, button];
}

/** The margin by the rows, both on logarithmic axes, with the found size. */
function curve(answer, shown) {
  const points = answer.curve.filter((point) => point.margin_of_error > 0);
  if (points.length < 3) return null;
  const [few, many] = [points[0].sample_size, points.at(-1).sample_size];
  const margins = points.map((point) => point.margin_of_error);
  const [small, large] = [Math.min(...margins), Math.max(...margins)];
  const place = (value, low, high, first, last) => first + (last - first) * (high > low ? Math.log(value / low) / Math.log(high / low) : 0.5);
  const x = (rows) => place(Math.max(rows, few), few, many, LEFT, WIDTH - RIGHT).toFixed(1);
  const y = (margin) => place(Math.max(margin, small), small, large, HEIGHT - BOTTOM, TOP).toFixed(1);
  const line = points.map((point) => `${x(point.sample_size)},${y(point.margin_of_error)}`).join(" ");
  const at = { x: x(Math.min(answer.sample_size, many)), y: y(Math.min(Math.max(answer.margin_of_error, small), large)) };
  const text = `Rows and margins: ${points.filter((_, place) => place % 6 === 0).map((point) => `${number(point.sample_size)} rows ± ${shown(point.margin_of_error)}`).join(", ")}`;
  const short = (margin) => (shown(margin).endsWith("%") ? shown(margin) : compact(margin));
  const label = (left, top, anchor, words) => s("text", { x: left, y: top, "text-anchor": anchor }, words);
  return h("div", {}, s("svg", { class: "picture", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: "img", "aria-label": text },
    s("line", { class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM }),
    s("line", { class: "axis", x1: LEFT, x2: LEFT, y1: TOP, y2: HEIGHT - BOTTOM }),
    s("polyline", { class: "line", fill: "none", points: line }),
    s("line", { class: "axis", x1: at.x, x2: at.x, y1: at.y, y2: HEIGHT - BOTTOM }),
    s("circle", { class: "sample", cx: at.x, cy: at.y, r: 4.5 }, s("title", {}, `${number(answer.sample_size)} rows ± ${shown(answer.margin_of_error)}`)),
    label(LEFT, HEIGHT - 6, "start", `${number(few)} rows`), label(WIDTH - RIGHT, HEIGHT - 6, "end", number(many)),
    label(LEFT - 4, TOP + 8, "end", short(large)), label(LEFT - 4, HEIGHT - BOTTOM, "end", short(small))));
}
