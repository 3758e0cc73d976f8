// One step as three questions: which rows, how, and how many.

import { fill, h } from "./dom.js";
import { check, columnSelect, isNumber, itemsOf, numberOf, ratesOf, refuse, shareText, SIZES } from "./draw_fields.js";
import { filterForm } from "./draw_filter.js";
import { groupsPicker, RULE } from "./draw_groups.js";
import { seedInput } from "./draw_seed.js";
import { kindOf, sizeForm } from "./draw_size.js";
import { render } from "./words.js";

/** The hint on each method's card, in the order of the cards. */
const HINTS = {
  random: "Random: each row has the same probability.",
  stratified: "Stratified: rows from each group, or each band of an amount.",
  weighted: "Weighted: large amounts are drawn more often.",
  monetary_unit: "For audits: each unit of money has the same probability.",
  systematic: "Systematic: at equal distances, in an order.",
  cluster: "All or some rows of some groups.",
  split: "Into parts: train, test …",
};
/** The parameters of "How?"; the others are of "How many?" or options. */
const OF_HOW = ["strata_columns", "weight_column", "uncertainty", "cluster_column", "num_clusters", "book_column", "population", "selection", "parts", "group"];

const LIST = "array of string";

/** The fieldset of a step. Actions (remove, up, down, copy) are functions or null. */
export function roundForm(context, round, place, actions) {
  const method = context.methods.find((one) => one.name === (round.method === "reservoir" ? "random" : round.method));
  const loc = `rounds.${place}`;
  if (method.no_keyed_order) delete round.order;
  const [how, many, options] = [h("div", { class: "fields" }), h("div", { class: "stack" }), h("div", { class: "fields" })];
  const refresh = () => {
    const shown = parametersOf(method, round);
    for (const one of method.parameters) if (Object.keys(one.only_with).length && !SIZES.includes(one.name) && !shown.includes(one)) delete round.parameters[one.name];
    fill(how, shown.filter((one) => OF_HOW.includes(one.name)).map((one) => field(context, round, one, loc, refresh)));
    const isRule = (one) => RULE.includes(one.name);
    if (!method.divides) fill(many, sizeForm(context, round, method, loc, refresh), h("div", { class: "fields" }, shown.filter(isRule).map((one) => field(context, round, one, loc, refresh))));
    fill(options, shown.filter((one) => !OF_HOW.includes(one.name) && !isRule(one) && one.name !== "take_all").map((one) => field(context, round, one, loc, refresh)));
  };
  refresh();
  const action = (name, text, run) => run && h("button", { type: "button", class: "plain", "aria-label": `${text} step ${place + 1}`, onclick: run }, name);
  return h("fieldset", { class: "step" },
    h("legend", { class: actions.isOnly ? "visually-hidden" : null }, `Step ${place + 1}`),
    h("div", { class: "tools" }, action("↑", "Move up", actions.up), action("↓", "Move down", actions.down),
      actions.isOnly ? null : action("Copy", "Copy", actions.copy), action("Remove", "Remove", actions.remove)),
    h("h2", {}, "Which rows?"), filterForm(context, round, loc),
    h("h2", { id: `${loc}.how` }, "How?"),
    h("div", { class: "choices", role: "radiogroup", "aria-labelledby": `${loc}.how`, "data-loc": `${loc}.method`, tabindex: "-1" },
      inOrder(context.methods).map((one) => card(context, round, one, one === method, loc))),
    how,
    method.divides ? null : [h("h2", {}, "How many?"), many], method.no_keyed_order ? null : orderForm(context, round, `${loc}.order`, method.divides ? "Choose the row key" : "Same rows in later versions"),
    h("details", { class: "options", open: hasOptions(method, round) }, h("summary", {}, "More options"),
      options, selectionForm(context, round, loc)));
}

/** The methods in the order of their cards, then others. */
const inOrder = (methods) => {
  const names = Object.keys(HINTS);
  const place = ({ name }) => (names.includes(name) ? names.indexOf(name) : names.length);
  return [...methods].sort((left, right) => place(left) - place(right));
};

function card(context, round, method, isChosen, loc) {
  return h("label", { class: "choice" },
    h("input", { type: "radio", name: `${loc}.method`, value: method.name, checked: isChosen, onchange: () => {
      round.method = method.name;
      round.parameters = sharedParameters(round, method);
      context.redraw(null, `input[name="${loc}.method"]:checked`);
      context.changed();
    } }),
    h("strong", {}, method.title), h("small", {}, HINTS[method.name] ?? render(method.description)));
}

/** The parameters that the new method has too, with its default size. */
function sharedParameters(round, method) {
  const names = method.parameters.map((parameter) => parameter.name);
  const parameters = Object.fromEntries(Object.entries(round.parameters).filter(([name]) => names.includes(name)));
  for (const group of method.exactly_one_of) {
    const initial = group.includes("sample_size") ? "sample_size" : group[0];
    const own = method.parameters.find((one) => one.name === initial);
    if (!group.some((name) => name in parameters)) parameters[initial] = structuredClone(own.initial);
  }
  for (const one of method.parameters) if (one.has_new_default) parameters[one.name] ??= one.default;
  if (!method.exactly_one_of.length && names.includes("sample_size")) parameters.sample_size ??= 100;
  return parameters;
}

/** The parameters that are used with the others that are given, without those of the size. */
function parametersOf(method, round) {
  const { parameters } = round;
  const size = kindOf(method, round);
  const isGiven = (name) => name === size || name in parameters;
  return method.parameters.filter((parameter) => {
    if (SIZES.includes(parameter.name)) return false;
    const needed = Object.entries(parameter.only_with);
    const excluding = method.at_most_one_of.filter((group) => group.includes(parameter.name)).flat();
    return !excluding.some((name) => name !== parameter.name && name in parameters)
      && (!needed.length || needed.some(([name, values]) => isGiven(name) && (!values.length || values.includes(parameters[name]))));
  });
}

const hasOptions = (method, round) => Boolean(round.selection)
  || parametersOf(method, round).some((one) => ![...OF_HOW, ...RULE, "take_all"].includes(one.name) && one.name in round.parameters);

function field(context, round, parameter, loc, refresh) {
  const { name } = parameter;
  const { parameters } = round;
  const id = `${loc}.parameters.${name}`;
  const set = (value) => {
    if (value === undefined || value === "") delete parameters[name];
    else parameters[name] = value;
    if (name === "allocation" && ["neyman", "amount"].includes(value)) parameters.allocation_column ??= context.amountColumn() || undefined;
    context.changed();
    if (parameter.choices.length || parameter.type === LIST) refresh();
  };
  if (name === "strata_columns") return groupsPicker(context, round, id, set, refresh);
  if (parameter.type === "boolean") {
    return h("label", { class: "check", title: render(parameter.description) },
      h("input", { type: "checkbox", "data-loc": id, checked: Boolean(parameters[name]), onchange: (event) => set(event.target.checked || undefined) }), parameter.label);
  }
  return h("div", { class: "field" }, h("label", { for: id }, parameter.label),
    input(context, parameter, { id, "data-loc": id }, parameters[name], (value) => {
      if (name === "weight_column" || name === "book_column") context.suggestAmount(value);
      set(value);
    }),
    h("small", { class: "soft" }, render(parameter.description)));
}

/** Selects of up to three columns, the last of them empty. */
function columnsInput(context, { id }, value, set) {
  return h("div", { class: "stack" }, [...value, ""].slice(0, 3).map((column, place) => {
    const own = place ? { id: `${id}.${place}`, "data-loc": `${id}.${place}`, "aria-label": "And by" } : { id, "data-loc": id };
    return columnSelect(context.columns(), own, column, (found) => {
      const columns = value.toSpliced(place, 1, ...(found ? [found] : []));
      set(columns.length ? columns : undefined);
      document.getElementById(own.id)?.focus();
    });
  }));
}

function input(context, parameter, common, value, set) {
  if (parameter.name === "flagged") return labelsInput(common, value, set);
  if (parameter.type === LIST) return columnsInput(context, common, value ?? [], set);
  if (parameter.column) {
    const columns = context.columns().filter((column) => parameter.column !== "number" || isNumber(column));
    return columnSelect(columns, common, value, set);
  }
  if (parameter.choices.length) {
    return h("select", { ...common, onchange: (event) => set(event.target.value) },
      parameter.choices.map((one) => h("option", { value: one, selected: one === (value ?? parameter.default) }, one.replaceAll("_", " "))));
  }
  if (parameter.type === "object of share") return partsInput(common, value, set);
  if (parameter.type === "object of number") return ratesInput(common, value, set);
  if (parameter.type === "integer or string") return seedInput(common, value, set);
  const whole = parameter.type === "integer";
  return h("input", { ...common, inputmode: whole ? "numeric" : "decimal", autocomplete: "off", value: value ?? "",
    oninput: (event) => set(numberOf(event.target)) });
}

/** The keyed order. */
function orderForm(context, round, id, title) {
  const box = h("div", { class: "fields" });
  const show = (focus) => {
    const { order } = round;
    const key = order?.key ?? [];
    const set = (name, value) => { if (value?.length) order[name] = value; else delete order[name]; context.changed(); };
    const part = (name, label, input) => h("div", { class: "field" }, h("label", { for: `${id}.${name}` }, label), input({ id: `${id}.${name}`, "data-loc": `${id}.${name}` }));
    fill(box, order && [[...key, ""].slice(0, 4).map((column, place) => part(`key.${place}`, place ? "And by" : "Row key",
      (common) => columnSelect(context.columns(), common, column, (value) => { set("key", key.toSpliced(place, 1, ...(value ? [value] : []))); show(common.id); }))),
    part("start", "Start (default: 0)", (common) => h("input", { ...common, inputmode: "decimal", value: order.start ?? "", oninput: ({ target }) => set("start", target.value.trim()) })),
    check("Number equal keys", order.duplicates === "number", (on) => set("duplicates", on && "number"))]);
    if (focus) document.getElementById(focus).focus();
  };
  show();
  return h("div", { class: "field" }, check(title, Boolean(round.order), (on) => {
    if (on) round.order = context.keyedOrder();
    else delete round.order;
    show();
    context.changed();
  }, { "data-loc": id }), box);
}

const PART = /([^\s=:,;]+)[\s=:]+(\d+(?:\.\d+)?\s*%?)/g;

/** Shares of parts as one text. */
function partsInput(common, value, set) {
  const shown = (share) => (typeof share === "number" ? shareText(share) : share);
  const text = Object.entries(value ?? {}).map(([name, share]) => `${name} ${shown(share)}`).join(", ");
  return h("input", { ...common, autocomplete: "off", value: text, oninput: ({ target }) => {
    const found = [...target.value.matchAll(PART)].map(([, name, share]) => [name, share.replace(/\s/g, "")]);
    const parts = Object.fromEntries(found);
    const isRead = /^[\s,;]*$/.test(target.value.replace(PART, "")) && Object.keys(parts).length === found.length;
    refuse(target, isRead ? "" : "Write each part once: train 80%, test 20%.");
    set(parts);
  } });
}

/** Names of groups as one text; a name may have a comma. */
const labelsInput = (common, value, set) => h("input", { ...common, autocomplete: "off", value: (value ?? []).join("; "), placeholder: "high; NULL",
  onchange: ({ target }) => { const labels = itemsOf(target.value); set(labels.length ? labels : undefined); } });

/** Guessed rates of groups as one text. */
function ratesInput(common, value, set) {
  const text = Object.entries(value ?? {}).map(([label, rate]) => `${label} = ${rate}`).join("; ");
  return h("input", { ...common, autocomplete: "off", value: text, placeholder: "low = 0.01; high = 0.6", oninput: ({ target }) => {
    const items = ratesOf(target.value);
    const isRead = items.every(([label, rate]) => label && rate >= 0 && rate <= 1);
    refuse(target, isRead ? "" : "Write a rate from 0 to 1 for each group: low = 0.01; high = 0.6.");
    if (isRead) set(items.length ? Object.fromEntries(items) : undefined);
  } });
}

function selectionForm(context, round, loc) {
  const selection = round.selection ?? {};
  const set = (name, value) => {
    if (value === undefined || value === "" || value === false) delete selection[name];
    else selection[name] = value;
    if (Object.keys(selection).length) round.selection = selection;
    else delete round.selection;
    context.changed();
  };
  const id = `${loc}.selection`;
  const columns = new Set(selection.columns ?? []);
  return h("div", {},
    h("div", { class: "fields" },
      h("div", { class: "field" }, h("label", { for: `${id}.order_by` }, "Order the sample by (default: drawing order)"),
        columnSelect(context.columns(), { id: `${id}.order_by`, "data-loc": `${id}.order_by` }, selection.order_by, (value) => set("order_by", value))),
      check("Descending", Boolean(selection.order_desc), (on) => set("order_desc", on))),
    h("details", {}, h("summary", {}, columns.size ? `${columns.size} columns` : "All columns"),
      h("div", { class: "fields", "data-loc": `${id}.columns` }, context.columns().map((column) =>
        check(column.name, columns.has(column.name), (on) => {
          if (on) columns.add(column.name);
          else columns.delete(column.name);
          set("columns", columns.size ? context.columns().map((one) => one.name).filter((name) => columns.has(name)) : undefined);
        })))));
}
