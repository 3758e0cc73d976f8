// A seed: a whole number, or any text. "007" is another seed than 7, so what is typed is kept as it is.

import { h } from "./dom.js";

/** What a text in the field means: undefined, a number, or the text itself; the API takes both. */
export function seedOf(text) {
  if (text === "") return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) && String(value) === text ? value : text;
}

/** How a seed is understood, in words; nothing where none is given. */
export function understood(seed) {
  if (seed === undefined) return "";
  // The decimal text of a whole number is the same seed as the number, however long.
  if (/^(0|-?[1-9]\d*)$/.test(String(seed))) return `Seed ${seed}`;
  const shown = /^\s|\s$/.test(seed) ? `“${seed}”` : seed;
  const value = Number(seed);
  return `Seed: the text ${shown}${Number.isSafeInteger(value) && seed.trim() ? `, another seed than ${value}` : ""}`;
}

/** The field, and under it how the seed is understood. */
export function seedInput(attributes, seed, set) {
  const note = h("small", { id: `${attributes.id}.understood`, role: "status" }, understood(seed));
  return [h("input", { ...attributes, value: seed ?? "", placeholder: "drawn and recorded", autocomplete: "off", spellcheck: "false",
    "aria-describedby": note.id, oninput: (event) => {
      const given = seedOf(event.target.value);
      note.textContent = understood(given);
      set(given);
    } }), note];
}
