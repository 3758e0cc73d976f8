// The filters by an earlier version, earlier samples and audit tests, which all steps share.

import { fill, h, one } from "./dom.js";

const NAMES = ["new_since", "not_drawn_by", "found_by", "not_found_by"];

/** A step's filter of rows, or null, and its filters by earlier rows. */
export function partsOf({ filters }) {
  const rows = { ...filters }, earlier = {};
  for (const name of NAMES) {
    if (rows[name]) earlier[name] = rows[name];
    delete rows[name];
  }
  return { rows: Object.keys(rows).length ? rows : null, earlier };
}

export function setFilters(round, rows, { earlier } = partsOf(round)) {
  round.filters = { ...rows, ...earlier };
  if (!Object.keys(round.filters).length) delete round.filters;
}

export const chip = (words, drop, label = words) => h("span", { class: "chip accent" }, words,
  h("button", { type: "button", "aria-label": `Remove ${label}`, onclick: drop }, "×"));

/** Edit the filters of the steps that `rounds` returns; the result shows them. */
export function earlierForm(rounds, changed) {
  const selects = NAMES.map((name) => one(`#${name.replaceAll("_", "-")}`));
  const valuesOf = (name) => [partsOf(rounds()[0]).earlier[name] ?? []].flat();
  const set = (name, values) => {
    const { earlier } = partsOf(rounds()[0]);
    earlier[name] = name === NAMES[0] ? values.at(-1) : values;
    if (!values.length) delete earlier[name];
    for (const round of rounds()) setFilters(round, partsOf(round).rows, { earlier });
    show();
    changed();
  };
  const show = () => fill(one("#earlier"), selects.map((select, at) => {
    const name = NAMES[at], values = valuesOf(name);
    select.value = "";
    return values.map((value) => chip([`${select.labels[0].textContent} `, [...select].find((option) => option.value === value)?.text ?? value],
      () => set(name, values.filter((other) => other !== value)), value));
  }));
  selects.forEach((select, at) => select.addEventListener("change", () => set(NAMES[at], [...new Set([...valuesOf(NAMES[at]), select.value])])));
  return show;
}
