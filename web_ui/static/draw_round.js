// The fields of one step: method, parameters, filter, and the columns of the sample.

import { fill, h } from "./dom.js";
import { filterForm } from "./draw_filter.js";
import { number } from "./format.js";
import { seedInput } from "./draw_seed.js";
import { LABELS, withLabels } from "./words.js";

const SIZES = {
  random: ["sample_size", "sample_fraction"],
  stratified: ["sample_size", "sample_fraction", "samples_per_stratum", "sizes"],
  systematic: ["sample_size", "interval"],
};
const SECOND_STAGE = ["samples_per_cluster", "sample_percentage"];
const ALLOCATIONS = ["proportional", "equal", "neyman", "optimal"];
const NUMERIC_ONLY = ["allocation_column", "cost_column", "weight_column"];
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
      h("small", { class: "soft" }, withLabels(method.description))),
    fields,
    filterForm(context, round, loc),
    selectionForm(context, round, loc));
}

/** The parameters that the new method has too, with its default size. */
function sharedParameters(round, method) {
  const names = method.parameters.map((parameter) => parameter.name);
  const parameters = Object.fromEntries(Object.entries(round.parameters).filter(([name]) => names.includes(name)));
  const sizes = SIZES[method.name];
  if (sizes && !sizes.some((name) => name in parameters)) parameters.sample_size = 100;
  if (method.name === "weighted" && !("sample_size" in parameters)) parameters.sample_size = 100;
  if (method.name === "cluster" && !("num_clusters" in parameters)) parameters.num_clusters = 5;
  return parameters;
}

function parameterFields(context, round, method, loc, refresh) {
  const parameters = round.parameters;
  const set = (name, value) => {
    if (value === undefined || value === "") delete parameters[name];
    else parameters[name] = value;
    context.changed();
  };
  const shown = [];
  const alternatives = SIZES[method.name] ?? [];
  const chosen = alternatives.find((name) => name in parameters) ?? alternatives[0];
  for (const parameter of method.parameters) {
    const { name } = parameter;
    if (alternatives.includes(name) && name !== chosen) continue;
    if (["allocation_column", "cost_column"].includes(name) && !takes(parameters.allocation, name)) continue;
    if (name === "allocation" && !["sample_size", "sample_fraction"].includes(chosen)) continue;
    if (name === "start" && chosen !== "interval") continue;
    if (SECOND_STAGE.includes(name) && SECOND_STAGE.some((other) => other !== name && other in parameters)) continue;
    const id = `${loc}.parameters.${name}`;
    let label = h("label", { for: id }, LABELS[name] ?? name);
    if (name === chosen && alternatives.length > 1) {
      label = h("select", { "aria-label": "Size parameter", onchange: (event) => {
        delete parameters[chosen];
        parameters[event.target.value] = { sample_fraction: 0.01, sizes: {} }[event.target.value] ?? 10;
        refresh();
        context.changed();
      } }, alternatives.map((one) => h("option", { value: one, selected: one === chosen }, LABELS[one])));
    }
    shown.push(h("div", { class: "field" }, label, input(context, parameter, id, parameters[name], (value) => {
      set(name, value);
      if (name === "allocation") refresh();
    }), h("small", { class: "soft" }, withLabels(parameter.description))));
  }
  return shown;
}

const takes = (allocation, name) => allocation === "optimal" || (allocation === "neyman" && name === "allocation_column");

function input(context, parameter, id, value, set) {
  const { name, type } = parameter;
  const common = { id, "data-loc": id, "aria-label": LABELS[name] ?? name };
  if (name === "strata_columns") return columnsPicker(context, common, value ?? [], set);
  if (name.endsWith("_column")) {
    const columns = context.columns().filter((column) => !NUMERIC_ONLY.includes(name) || isNumber(column));
    return columnSelect(columns, common, value, set);
  }
  if (name === "allocation") {
    return h("select", { ...common, onchange: (event) => set(event.target.value) },
      ALLOCATIONS.map((one) => h("option", { value: one, selected: one === (value ?? "proportional") }, one)));
  }
  if (name === "sizes") {
    const text = Object.entries(value ?? {}).map(([stratum, rows]) => `${stratum} = ${rows}`).join("\n");
    return h("textarea", { ...common, class: "mono", placeholder: "north = 20\nsouth = 5", value: text, oninput: (event) => set(sizes(event.target.value)) });
  }
  if (name === "seed") return seedInput(common, value, set);
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
