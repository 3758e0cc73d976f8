// Errors of a new sample, shown next to their fields, and their summary.

import { all, h, one } from "./dom.js";
import { besideField, placeOf, withPlace } from "./words.js";

const SUMMARY = "Correct these fields";

/** Remove all marks. */
export function clearMarks() {
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
 * Show each error next to its field.
 * @returns a note that lists the marked fields, and the errors that have no field
 */
export function mark(errors, rounds) {
  const marked = new Map();
  const others = [];
  for (const error of errors) {
    const field = fieldOf(error.loc.slice(1));
    if (!field) { others.push(withPlace(error)); continue; }
    marked.set(placeOf(error.loc, rounds, field.dataset.loc === error.loc.slice(1).join(".") ? labelOf(field) : undefined), field);
    showNextTo(field, besideField(error));
  }
  const links = [...marked].flatMap(([name, field], at) => [at ? "; " : `${SUMMARY}: `, h("button", { type: "button", class: "plain", onclick: () => reveal(field) }, name)]);
  return note([links.length ? [...links, "."] : null, ...others].filter(Boolean));
}

/** The errors of fields whose text is refused before it is sent. */
export function refusals() {
  return all("#rounds [data-refused]").map((field) => ({ loc: ["body", ...field.dataset.loc.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part))], msg: field.dataset.refused }));
}

export function note(lines) {
  return h("div", { class: "note warn" }, lines.map((line) => h("p", {}, line)));
}

/** The label of a field as the page shows it. */
const labelOf = (field) => field.getAttribute("aria-label") ?? field.labels?.[0]?.textContent;

/** Focus a field, or the first one in it, in the middle of the page. */
export function reveal(field) {
  (field.matches("input, select, textarea, button") ? field : field.querySelector("input, select, textarea, button") ?? field).focus();
  field.scrollIntoView({ block: "center" });
}

/** The field of an error's location, or of the closest enclosing location. */
function fieldOf(loc) {
  for (let length = loc.length; length > 0; length -= 1) {
    const field = one(`[data-loc="${CSS.escape(loc.slice(0, length).join("."))}"]`);
    if (field) return field;
  }
  return null;
}

function showNextTo(field, text) {
  const id = `${field.dataset.loc}-problem-${all("#draw .field-problem").length}`;
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", [field.getAttribute("aria-describedby"), id].filter(Boolean).join(" "));
  field.closest(".field, [role=group], fieldset").append(h("small", { id, class: "field-problem" }, text));
  for (let closed = field.closest("details"); closed; closed = closed.parentElement.closest("details")) closed.open = true;
}
