// The filter of a step, as conditions and as an expression. Editing one updates the other.

import { callApi } from "./api.js";
import { debounce, fill, h } from "./dom.js";
import { chip, partsOf, setFilters } from "./draw_earlier.js";
import { number } from "./format.js";

let lists = 0;

export function filterForm(context, round, loc) {
  const id = `${loc}.filters`;
  const text = h("textarea", { id: `${id}.expression`, "data-loc": id, class: "mono", spellcheck: "false", placeholder: "amount > 100 AND region = 'north'" });
  const count = h("small", { class: "soft", role: "status" });
  const rows = h("div", { class: "stack" });
  const chips = h("div", { class: "chips", "aria-label": "Filters" });
  const logic = h("select", { "aria-label": "Match all or any conditions", onchange: () => fromConditions() },
    h("option", { value: "AND" }, "all"), h("option", { value: "OR" }, "any"));
  let conditions = [];
  let turn = 0;

  const setRows = (filters) => {
    setFilters(round, filters);
    context.changed();
    context.regroup();
  };
  /** Translate the filter into its other form. The plan reports the errors of a filter. */
  const translate = async (filters, show, failed = () => {}) => {
    const current = (turn += 1);
    try {
      const answer = await callApi(`${context.sampling}/filters`, { json: { ...context.source(), filters } });
      if (current !== turn) return;
      count.textContent = `${number(answer.row_count)} of ${number(answer.source_rows)} rows match.`;
      show(answer);
    } catch (problem) {
      if (current !== turn) return;
      count.textContent = problem.status === 422 ? "" : problem.message;
      failed();
    }
  };
  const fromText = debounce(() => {
    const expression = text.value.trim();
    if (!expression) {
      conditions = [];
      showRows();
      count.textContent = "";
      return setRows(null);
    }
    setRows({ expression });
    translate({ expression }, (answer) => {
      conditions = answer.conditions ?? [];
      rows.hidden = answer.conditions === null;
      if (answer.logic) logic.value = answer.logic;
      showRows();
    });
  }, 400);
  const fromConditions = debounce(() => {
    const whole = conditions.filter((one) => one.column && one.operator && (takes(one) === "nothing" || hasValue(one.value)));
    if (!whole.length) {
      text.value = "";
      count.textContent = "";
      showChips();
      return setRows(null);
    }
    const filters = { conditions: whole.map((one) => (takes(one) === "nothing" ? { column: one.column, operator: one.operator } : one)), logic: logic.value };
    translate(filters, (answer) => {
      text.value = answer.expression;
      setRows({ expression: answer.expression });
      showChips();
    }, () => setRows(filters));
  }, 400);

  const takes = (condition) => context.operators.find((one) => one.name === condition.operator)?.takes ?? "value";
  const hasValue = (value) => (Array.isArray(value) ? value.length > 0 && value.every((one) => one !== "") : value !== undefined && value !== "");

  /** A chip for each condition, or one for an expression that conditions can't say. */
  const showChips = () => {
    const whole = conditions.filter((one) => one.column);
    const remove = (at) => { conditions.splice(at, 1); showRows(); fromConditions(); };
    const all = () => { text.value = ""; conditions = []; showRows(); fromText(); };
    const code = (words, drop) => chip(h("code", {}, words), drop, `the filter ${words}`);
    fill(chips, whole.length ? whole.map((one) => code(wordsOf(one), () => remove(conditions.indexOf(one))))
      : text.value.trim() ? code(text.value.trim(), all) : h("span", { class: "chip" }, "No filter"),
    whole.length > 1 ? h("small", { class: "soft" }, logic.value === "AND" ? "all of them" : "any of them") : null);
  };
  const wordsOf = (one) => {
    const sql = context.operators.find((known) => known.name === one.operator)?.sql ?? one.operator;
    const value = Array.isArray(one.value) ? one.value.join(", ") : one.value;
    return `${one.column} ${sql}${value === undefined || value === null ? "" : ` ${value}`}`;
  };

  const showRows = () => { showChips(); showConditions(); };
  const showConditions = () => fill(rows, conditions.map((condition, place) => {
    const listId = `values-${(lists += 1)}`;
    const values = h("datalist", { id: listId });
    const column = context.columns().find((one) => one.name === condition.column);
    return h("div", { class: "inline" },
      h("select", { "aria-label": `Column of condition ${place + 1}`, onchange: (event) => { condition.column = event.target.value; showRows(); fromConditions(); } },
        h("option", { value: "" }, "column"), context.columns().map((one) => h("option", { value: one.name, selected: one.name === condition.column }, one.name))),
      h("select", { "aria-label": `Operator of condition ${place + 1}`, onchange: (event) => {
        condition.operator = event.target.value;
        condition.value = takes(condition) === "pair" ? ["", ""] : undefined;
        showRows();
        fromConditions();
      } }, context.operators.map((one) => h("option", { value: one.name, selected: one.name === condition.operator, title: one.description }, one.sql))),
      valueInputs(condition, column, listId, place, fromConditions, takes),
      values,
      h("button", { type: "button", class: "plain", "aria-label": `Remove condition ${place + 1}`, onclick: () => { conditions.splice(place, 1); showRows(); fromConditions(); } }, "✕"));
  }), h("p", {}, h("button", { type: "button", onclick: () => {
    conditions.push({ column: "", operator: "=", value: undefined });
    showRows();
    rows.querySelector(".inline:last-of-type select")?.focus();
  } }, "Add condition")));

  // Suggest values of the column when its field gets the focus.
  rows.addEventListener("focusin", async (event) => {
    const list = event.target.getAttribute?.("list");
    const name = event.target.dataset?.column;
    if (!list || !name || event.target.dataset.offered) return;
    event.target.dataset.offered = "yes";
    const answer = await callApi(`${context.sampling}/column-samples`, { json: { ...context.source(), columns: [name], sample_size: 50 } }).catch(() => null);
    const found = answer?.samples?.[name] ?? [];
    fill(document.getElementById(list), found.filter((value) => value !== null).map((value) => h("option", { value: String(value) })));
  });

  text.addEventListener("input", fromText);
  const present = partsOf(round).rows;
  if (present?.expression) text.value = present.expression;
  if (present) {
    conditions = present.conditions ?? [];
    logic.value = present.logic ?? "AND";
    translate(present, (answer) => {
      text.value = answer.expression;
      conditions = answer.conditions ?? [];
      rows.hidden = answer.conditions === null;
      if (answer.logic) logic.value = answer.logic;
      showRows();
    });
  }
  showRows();
  return [chips, h("details", {}, h("summary", {}, "Filter rows"),
    h("div", { class: "stack" },
      h("div", { class: "row" }, "Rows that match ", logic, " conditions:"), rows,
      h("div", { class: "field" }, h("label", { for: `${id}.expression` }, "Filter expression"), text, count)))];
}

function valueInputs(condition, column, listId, place, changed, takes) {
  const numeric = column && /INT|DECIMAL|DOUBLE|FLOAT/.test(column.type);
  const typed = (text) => (numeric && text !== "" && !Number.isNaN(Number(text)) ? Number(text) : text);
  const input = (label, value, set) => h("input", { "aria-label": `${label} of condition ${place + 1}`, list: listId, "data-column": condition.column,
    value: value ?? "", autocomplete: "off", placeholder: label.toLowerCase(), oninput: (event) => { set(typed(event.target.value)); changed(); } });
  switch (takes(condition)) {
    case "nothing": return null;
    case "pair": {
      condition.value = Array.isArray(condition.value) ? condition.value : ["", ""];
      return [input("Low", condition.value[0], (value) => { condition.value[0] = value; }), input("High", condition.value[1], (value) => { condition.value[1] = value; })];
    }
    case "list": {
      const text = Array.isArray(condition.value) ? condition.value.join(", ") : "";
      return h("input", { "aria-label": `Values of condition ${place + 1}`, value: text, placeholder: "values, separated by commas", autocomplete: "off",
        oninput: (event) => { condition.value = event.target.value.split(",").map((one) => typed(one.trim())).filter((one) => one !== ""); changed(); } });
    }
    default: return input("Value", condition.value, (value) => { condition.value = value; });
  }
}
