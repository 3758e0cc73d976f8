// The fields of one step: method, parameters, filter, and the columns of the sample.

import { fill, h } from "./dom.js";
import { filterForm } from "./draw_filter.js";
import { number } from "./format.js";
import { seedInput } from "./draw_seed.js";
import { render } from "./words.js";

const isNumber = (column) => /INT|DECIMAL|DOUBLE|FLOAT|REAL/.test(column.type) && !column.type.includes("[");

/** The fieldset of a step. Actions (remove, up, down, copy) are functions or null. */
export function roundForm(context, round, place, actions) {
  const method = context.methods.find((one) => one.name === (round.method === "reservoir" ? "random" : round.method));
  const loc = `rounds.${place}`;
  const fields = h("div", { class: "fields" });
  const showFields = () => fill(fields, parameterFields(context, round, method, loc, showFields));
  showFields();
  const action = (name, text, run) => run && h("button", { type: "button", class: "plain", "aria-label": `${text} step ${place + 1}`, onclick: run }, name);
  return h("fieldset", {},
    h("legend", {}, `Step ${place + 1}`),
    h("div", { class: "tools" }, action("↑", "Move up", actions.up), action("↓", "Move down", actions.down),
      action("Copy", "Copy", actions.copy), action("Remove", "Remove", actions.remove)),
    h("div", { class: "field" },
      h("label", { for: `${loc}.method` }, "Method"),
      h("select", { id: `${loc}.method`, "data-loc": `${loc}.method`, onchange: (event) => {
        round.method = event.target.value;
        round.parameters = sharedParameters(round, context.methods.find((one) => one.name === round.method));
        context.redraw(`${loc}.method`);
        context.changed();
      } }, context.methods.map((one) => h("option", { value: one.name, selected: one.name === method.name }, one.name))),
      h("small", { class: "soft" }, render(method.description))),
    fields,
    filterForm(context, round, loc),
    selectionForm(context, round, loc));
}

/** The parameters that the new method has too, with its default size. */
function sharedParameters(round, method) {
  const names = method.parameters.map((parameter) => parameter.name);
  const parameters = Object.fromEntries(Object.entries(round.parameters).filter(([name]) => names.includes(name)));
  for (const group of method.exactly_one_of) {
    if (!group.some((name) => name in parameters)) parameters[defaultOf(group)] = initialOf(method, defaultOf(group));
  }
  return parameters;
}

const defaultOf = (group) => (group.includes("sample_size") ? "sample_size" : group[0]);
const named = (method, name) => method.parameters.find((parameter) => parameter.name === name);
const initialOf = (method, name) => structuredClone(named(method, name).initial);

/** Whether a parameter is used with the others that are given. */
function applies(method, parameter, parameters, size) {
  const isGiven = (name) => name === size || name in parameters;
  const needed = Object.entries(parameter.only_with);
  const excluding = method.at_most_one_of.filter((group) => group.includes(parameter.name)).flat();
  return !excluding.some((name) => name !== parameter.name && name in parameters)
    && (!needed.length || needed.some(([name, values]) => isGiven(name) && (!values.length || values.includes(parameters[name]))));
}

function parameterFields(context, round, method, loc, refresh) {
  const parameters = round.parameters;
  const set = (name, value) => {
    if (value === undefined || value === "") delete parameters[name];
    else parameters[name] = value;
    context.changed();
  };
  const shown = [];
  const alternatives = method.exactly_one_of[0] ?? [];
  const chosen = alternatives.find((name) => name in parameters) ?? defaultOf(alternatives);
  for (const parameter of method.parameters) {
    const { name } = parameter;
    if (alternatives.includes(name) && name !== chosen) continue;
    if (!applies(method, parameter, parameters, chosen)) continue;
    const id = `${loc}.parameters.${name}`;
    let label = h("label", { for: id }, parameter.label);
    if (name === chosen && alternatives.length > 1) {
      label = h("select", { "aria-label": "Size parameter", onchange: (event) => {
        delete parameters[chosen];
        parameters[event.target.value] = initialOf(method, event.target.value);
        refresh();
        context.changed();
      } }, alternatives.map((one) => h("option", { value: one, selected: one === chosen }, named(method, one).label)));
    }
    shown.push(h("div", { class: "field" }, label, input(context, parameter, id, parameters[name], (value) => {
      set(name, value);
      if (parameter.choices.length) refresh();
    }), h("small", { class: "soft" }, render(parameter.description))));
  }
  return shown;
}

function input(context, parameter, id, value, set) {
  const { type } = parameter;
  const common = { id, "data-loc": id, "aria-label": parameter.label };
  if (type === "array of string") return columnsPicker(context, common, value ?? [], set);
  if (parameter.column) {
    const columns = context.columns().filter((column) => parameter.column !== "number" || isNumber(column));
    return columnSelect(columns, common, value, set);
  }
  if (parameter.choices.length) {
    return h("select", { ...common, onchange: (event) => set(event.target.value) },
      parameter.choices.map((one) => h("option", { value: one, selected: one === (value ?? parameter.default) }, one)));
  }
  if (type === "object of integer") {
    const text = Object.entries(value ?? {}).map(([stratum, rows]) => `${stratum} = ${rows}`).join("\n");
    return h("textarea", { ...common, class: "mono", placeholder: "north = 20\nsouth = 5", value: text, oninput: (event) => set(sizes(event.target.value)) });
  }
  if (type === "integer or string") return seedInput(common, value, set);
  const whole = type === "integer";
  return h("input", { ...common, type: "number", min: 0, step: whole ? 1 : "any", value: value ?? "",
    oninput: (event) => set(event.target.value === "" ? undefined : Number(event.target.value)) });
}

/** Parse lines such as "north = 20" to {north: 20}. */
function sizes(text) {
  const found = {};
  for (const line of text.split("\n")) {
    const at = line.lastIndexOf("=");
    if (at > 0) found[line.slice(0, at).trim()] = Number(line.slice(at + 1));
  }
  return found;
}

/** A column in a list: "city (VARCHAR, 3 unique)". */
function described({ name, type, distinct, distinct_exact: exact }) {
  return `${name} (${type}${typeof distinct === "number" ? `, ${exact ? "" : "~"}${number(distinct)} unique` : ""})`;
}

export function columnSelect(columns, attributes, value, set) {
  const known = columns.some((column) => column.name === value);
  return h("select", { ...attributes, onchange: (event) => set(event.target.value) },
    h("option", { value: "" }, "choose a column"),
    columns.map((column) => h("option", { value: column.name, selected: column.name === value }, described(column))),
    value && !known ? h("option", { value, selected: true }, `${value} (not in this table)`) : null);
}

function columnsPicker(context, attributes, chosen, set) {
  const element = h("div", { class: "stack" });
  const show = (focus) => {
    const unused = context.columns().filter((column) => !chosen.includes(column.name));
    const add = columnSelect(unused, attributes, "", () => { if (!byKeys) addColumn(true); else hint.textContent = add.value && `Press Enter or Tab to add ${add.value}.`; });
    const hint = h("small", { class: "soft", role: "status" });
    const addColumn = (stay) => {
      if (!add.value || chosen.includes(add.value)) return; // a removed field loses the focus, too
      chosen = [...chosen, add.value];
      set(chosen);
      show(stay);
    };
    // Arrow keys step through the names, so a name is added only on Enter or on blur.
    let byKeys = false;
    add.addEventListener("pointerdown", () => { byKeys = false; });
    add.addEventListener("keydown", (event) => {
      byKeys = true;
      if (event.key !== "Enter" || !add.value) return;
      event.preventDefault();
      addColumn(true);
    });
    add.addEventListener("blur", () => { if (byKeys) addColumn(false); });
    fill(element, h("div", { class: "row" }, chosen.map((name) =>
      h("button", { type: "button", class: "tag", "aria-label": `Remove ${name}`, onclick: () => {
        chosen = chosen.filter((one) => one !== name);
        set(chosen.length ? chosen : undefined);
        show(true);
      } }, `${name} ✕`))), add, hint);
    if (focus) add.focus();
  };
  show(false);
  return element;
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
  return h("details", { open: Boolean(round.selection) }, h("summary", {}, "Columns and order of the sample"),
    h("div", { class: "fields" },
      h("div", { class: "field" }, h("label", { for: `${id}.order_by` }, "Order by (default: drawing order)"),
        columnSelect(context.columns(), { id: `${id}.order_by`, "data-loc": `${id}.order_by` }, selection.order_by, (value) => set("order_by", value))),
      h("label", { class: "check" }, h("input", { type: "checkbox", checked: Boolean(selection.order_desc), onchange: (event) => set("order_desc", event.target.checked) }), "Descending")),
    h("details", {}, h("summary", {}, columns.size ? `${columns.size} columns` : "All columns"),
      h("div", { class: "fields", "data-loc": `${id}.columns` }, context.columns().map((column) =>
        h("label", { class: "check" }, h("input", { type: "checkbox", checked: columns.has(column.name), onchange: (event) => {
          if (event.target.checked) columns.add(column.name);
          else columns.delete(column.name);
          set("columns", columns.size ? context.columns().map((one) => one.name).filter((name) => columns.has(name)) : undefined);
        } }), column.name)))));
}
