// A seed is a whole number or a text. "007" is not the seed 7, so the typed text is sent unchanged.

import { h } from "./dom.js";

/** The seed of a text: undefined, a safe integer, or the text. */
export function seedOf(text) {
  if (text === "") return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) && String(value) === text ? value : text;
}

/** A sentence on how a seed is interpreted; empty without a seed. */
export function interpretation(seed) {
  if (seed === undefined) return "";
  // The decimal text of a whole number is the same seed as the number, however long.
  if (/^(0|-?[1-9]\d*)$/.test(String(seed))) return `Seed ${seed}`;
  const shown = /^\s|\s$/.test(seed) ? `“${seed}”` : seed;
  const value = Number(seed);
  return `Seed: the text ${shown}${Number.isSafeInteger(value) && seed.trim() ? `, not the number ${value}` : ""}`;
}

/** The field and a note on how the seed is interpreted. */
export function seedInput(attributes, seed, set) {
  const note = h("small", { id: `${attributes.id}.interpretation`, role: "status" }, interpretation(seed));
  return [h("input", { ...attributes, value: seed ?? "", placeholder: "default: generated and recorded", autocomplete: "off", spellcheck: "false",
    "aria-describedby": note.id, oninput: (event) => {
      const given = seedOf(event.target.value);
      note.textContent = interpretation(given);
      set(given);
    } }), note];
}
