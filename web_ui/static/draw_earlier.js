// The filters by an earlier version and earlier samples, which all steps share.

import { fill, h, one } from "./dom.js";

/** A step's filter of rows, or null, and its filters by earlier rows. */
export function partsOf({ filters }) {
  const { new_since: since, not_drawn_by: drawn = [], ...rows } = filters ?? {};
  return { rows: Object.keys(rows).length ? rows : null, since, drawn };
}

export function setFilters(round, rows, { since, drawn } = partsOf(round)) {
  round.filters = { ...rows, ...(since && { new_since: since }), ...(drawn.length && { not_drawn_by: drawn }) };
  if (!Object.keys(round.filters).length) delete round.filters;
}

export const chip = (words, drop, label = words) => h("span", { class: "chip accent" }, words,
  h("button", { type: "button", "aria-label": `Remove ${label}`, onclick: drop }, "×"));

/** Edit the filters of the steps that `rounds` returns; the result shows them. */
export function earlierForm(rounds, changed) {
  const selects = { since: one("#new-since"), drawn: one("#not-drawn-by") };
  const parts = () => partsOf(rounds()[0]);
  const set = (next) => {
    const all = { ...parts(), ...next };
    for (const round of rounds()) setFilters(round, partsOf(round).rows, all);
    show();
    changed();
  };
  const chipOf = (name, value, next) => chip([`${selects[name].labels[0].textContent} `, [...selects[name]].find((option) => option.value === value)?.text ?? value], () => set(next), value);
  const show = () => {
    const { since, drawn } = parts();
    for (const select of Object.values(selects)) select.value = "";
    fill(one("#earlier"), since && chipOf("since", since, { since: "" }), drawn.map((id) => chipOf("drawn", id, { drawn: drawn.filter((other) => other !== id) })));
  };
  selects.since.addEventListener("change", ({ target }) => set({ since: target.value }));
  selects.drawn.addEventListener("change", ({ target }) => set({ drawn: [...new Set([...parts().drawn, target.value])] }));
  return show;
}
