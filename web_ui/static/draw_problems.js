// What is wrong with a draw, beside its fields; where the plan stands, only what to look at.

import { all, h, one } from "./dom.js";
import { inWords, placeInWords, told } from "./words.js";

const FIRST = "The form has to be put right first";

/** Take all marks away. */
export function unmark() {
  for (const note of all("#draw .field-problem")) {
    const field = one(`[aria-describedby~="${CSS.escape(note.id)}"]`);
    const others = field?.getAttribute("aria-describedby").split(" ").filter((id) => id !== note.id).join(" ");
    if (others) field.setAttribute("aria-describedby", others);
    else field?.removeAttribute("aria-describedby");
    note.remove();
  }
  for (const field of all("#draw [aria-invalid]")) field.removeAttribute("aria-invalid");
}

/**
 * Put each error beside its field, where it has one.
 * @returns what the plan says of it: which fields to look at, and in full what has none
 */
export function mark(errors, rounds) {
  const marked = new Set();
  const others = [];
  for (const error of errors) {
    const field = fieldOf(error.loc.slice(1));
    if (!field) { others.push(told(error)); continue; }
    marked.add(placeInWords(error.loc, rounds));
    beside(field, inWords(error));
  }
  const first = marked.size ? `${FIRST}: ${[...marked].join("; ")}.` : null;
  return note([first, ...others].filter(Boolean));
}

/** Lines as the plan says them. */
export function note(lines) {
  return h("div", { class: "note warn" }, lines.map((line) => h("p", {}, line)));
}

/** The field of an error's place, or of the part of the form that the place is in. */
function fieldOf(loc) {
  for (let length = loc.length; length > 0; length -= 1) {
    const field = one(`[data-loc="${CSS.escape(loc.slice(0, length).join("."))}"]`);
    if (field) return field;
  }
  return null;
}

function beside(field, text) {
  const id = `${field.dataset.loc}-problem-${all("#draw .field-problem").length}`;
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", [field.getAttribute("aria-describedby"), id].filter(Boolean).join(" "));
  field.closest(".field, fieldset").append(h("small", { id, class: "field-problem" }, text));
  for (let folded = field.closest("details"); folded; folded = folded.parentElement.closest("details")) folded.open = true;
}
