// The import options: a bar of controls whose first choice is what was detected, and questions.

import { fill, h, one } from "./dom.js";
import { isNumberType } from "./format.js";
import { LABELS, TYPES, typeName } from "./words.js";

const AUTO = "auto";
const TEXT = /\.(csv|tsv|tab|txt)(\.gz)?$/i;
const WORKBOOK = /\.xlsx$/i;
const JSON_FILE = /\.(json|ndjson|jsonl)(\.gz)?$/i;
const CONTROLS = JSON.parse(one("#import").dataset.options); // name, label, formats, choices: as the contract declares them
for (const { name, label } of CONTROLS) LABELS[name] = label; // in messages

/** The choice to take unless the user takes another: identifiers and objects stay text. Null for an open question. */
function safeChoice({ code, column, choices }) {
  if (code === "nested_values") return choices.find(({ options }) => options.nested === "text") ?? null;
  return code === "digits" ? choices.find(({ options }) => options.types?.[column] === "VARCHAR") ?? null : null;
}

/** The format of a file by its name; Parquet for others. */
const formatOf = (name) => (TEXT.test(name) ? "text" : WORKBOOK.test(name) ? "Excel" : JSON_FILE.test(name) ? "JSON" : "Parquet");

/**
 * The options of one file.
 * @param {string} fileName
 * @param {() => void} onChange called when the user sets an option
 */
export function importOptions(fileName, onChange) {
  const format = formatOf(fileName);
  const set = { types: {}, names: {} };
  const answers = new Map(); // the questions of this file, each with the chosen answer
  let sheets = [];

  const change = (name, value) => {
    if (value === AUTO) delete set[name];
    else set[name] = value;
    onChange();
  };
  const changeColumn = (name, column, value) => {
    if (value === AUTO) delete set[name][column];
    else set[name][column] = value;
    onChange();
  };

  /** The options to send: those of the answers, then those that were set. */
  function values() {
    const merged = { types: {}, names: {} };
    for (const given of [...[...answers.values()].map(({ chosen }) => chosen?.options ?? {}), set]) {
      const { types = {}, names = {}, ...rest } = given;
      Object.assign(merged, rest);
      Object.assign(merged.types, types);
      Object.assign(merged.names, names);
    }
    for (const name of ["types", "names"]) if (!Object.keys(merged[name]).length) delete merged[name];
    return merged;
  }

  function selectOf({ name, label, choices }, detected) {
    const known = choices.find(([value]) => value === detected)?.[1] ?? detected;
    const select = h("select", { id: `option-${name}`, onchange: () => change(name, select.value) },
      h("option", { value: AUTO }, detected === undefined || detected === null ? "Detect" : `Detected: ${known}`),
      choices.map(([value, text]) => h("option", { value, selected: set[name] === value }, text)));
    return h("div", { class: "field" }, h("label", { for: select.id }, label), select);
  }

  function numberOf({ name, label }, detected) {
    const input = h("input", {
      id: `option-${name}`, type: "number", min: "0", max: "10000", value: set[name] ?? "",
      placeholder: detected === undefined || detected === null ? "detect" : `detected: ${detected}`,
      onchange: () => change(name, input.value === "" ? AUTO : Number(input.value)),
    });
    return h("div", { class: "field" }, h("label", { for: input.id }, label), input);
  }

  /** Show the controls that apply to the file. */
  function showBar(bar, tables) {
    if (tables.length > 1) sheets = tables.map((table) => table.key);
    const detected = tables[0]?.detected ?? {};
    const controls = CONTROLS.filter((control) => control.formats.includes(format))
      .map((control) => (control.choices ? selectOf : numberOf)(control, control.name in set ? undefined : detected[control.name]));
    if (sheets.length) controls.unshift(sheetControl());
    fill(one(".filters", bar), controls);
    bar.hidden = !controls.length;
  }

  function sheetControl() {
    const select = h("select", { id: "option-sheet", onchange: () => change("sheet", select.value) },
      h("option", { value: AUTO }, `All ${sheets.length} sheets`),
      sheets.map((sheet) => h("option", { value: sheet, selected: set.sheet === sheet }, sheet)));
    return h("div", { class: "field" }, h("label", { for: select.id }, "Sheet"), select);
  }

  /** Show the questions, also those that are answered, as choices. */
  function showQuestions(box, tables) {
    for (const question of tables.flatMap((table) => table.questions ?? [])) {
      const key = `${question.code} ${question.column}`;
      answers.set(key, { question, chosen: answers.get(key)?.chosen ?? safeChoice(question) });
    }
    fill(box, [...answers].map(([key, answer], at) => questionOf(key, answer, at)));
  }

  function questionOf(key, { question, chosen }, at) {
    const isChosen = (choice) => chosen?.label === choice.label;
    return h("fieldset", { class: "choices question" }, h("legend", {}, question.text),
      question.choices.map((choice, place) => h("label", { class: "choice" },
        h("input", {
          type: "radio", id: `question-${at}-${place}`, name: `question-${at}`, checked: isChosen(choice),
          onchange: () => { answers.set(key, { question, chosen: choice }); onChange(); },
        }), h("span", {}, choice.label))));
  }

  /** The head of a column in the preview: its name and its type, both to change. */
  function columnHead(column, id) {
    const source = column.source_name ?? column.name;
    const name = h("input", {
      id: `name-${id}`, value: set.names[source] ?? column.name, "aria-label": `Name of ${column.name}`,
      onchange: () => changeColumn("names", source, name.value.trim() && name.value.trim() !== source ? name.value.trim() : AUTO),
    });
    const given = set.types[source];
    const type = h("select", { id: `type-${id}`, "aria-label": `Type of ${column.name}`, onchange: () => changeColumn("types", source, type.value) },
      h("option", { value: AUTO }, given ? "Detect" : typeName(column.type)),
      Object.entries(TYPES).filter(([value]) => given || value !== column.type)
        .map(([value, text]) => h("option", { value, selected: value === given }, text)));
    const changes = column.changes?.join(", ");
    return h("th", { scope: "col", "aria-label": `${column.name}, ${typeName(column.type)}`, class: isNumberType(column.type ?? "") ? "number" : null }, format === "Parquet" ? h("span", {}, column.name) : name,
      ["text", "Excel"].includes(format) ? type : h("small", {}, typeName(column.type)), changes ? h("small", { class: "type", title: changes }, changes) : null);
  }

  return { values, showBar, showQuestions, columnHead, isOpen: () => [...answers.values()].some(({ chosen }) => !chosen) };
}
