// The fields of a review's questions. Each has one key an answer; the keys are those of the question that has the focus.

import { all, h, one } from "./dom.js";
import { readAmount, readNumber } from "./draw_fields.js";

const RESERVED = "gmrufxz"; // keys of the page
/** The keys of choices: digits, then letters that do nothing else. */
export const CHOICE_KEYS = [..."123456789", ..."abcdefghijklmnopqrstuvwxyz"].filter((key) => !RESERVED.includes(key));
const OUTCOME_KEYS = { ok: "o", exception: "e", not_applicable: "n", not_examinable: "c" };
const LONGEST_TEXT = 2000;

const key = (name) => (name ? h("kbd", {}, name.toUpperCase()) : null);

/** Buttons of which one is chosen; f is called after a choice. */
function buttons(options, f) {
  let chosen = null;
  const made = options.map(({ value, title, name }) => h("button", { type: "button", "data-answer-key": name, "aria-pressed": "false", onclick: () => { set(value); f(); } }, title, key(name)));
  const set = (value) => {
    chosen = value;
    made.forEach((button, place) => button.setAttribute("aria-pressed", String(options[place].value === value)));
  };
  return { elements: made, set, value: () => chosen };
}

function optionsOf({ type, choices = [], required }) {
  const none = required ? [] : [{ value: null, title: "No answer", name: "0" }];
  const yesNo = [{ value: true, title: "Yes", name: "y" }, { value: false, title: "No", name: "n" }];
  return [...(type === "yes_no" ? yesNo : choices.map((word, place) => ({ value: word, title: word, name: CHOICE_KEYS[place] }))), ...none];
}

/** What is typed in a field as the value of its question, or what is wrong with it. */
function readTyped({ type, required }, typed) {
  if (!typed) return required ? { problem: type === "text" ? "Write an answer." : "Write a number." } : { value: null };
  if (type === "text") return { value: typed };
  const { plain, problem } = (type === "amount" ? readAmount : readNumber)(typed);
  if (problem || plain === undefined) return { problem: problem ?? `${typed} isn’t a number.` };
  return { value: type === "amount" ? plain : Number(plain) };
}

/**
 * The field of a question.
 * @returns {{element, read, set, focus}} read gives {value} or {problem}, undefined value without an answer
 */
export function questionField(question, place, answered) {
  const id = `question-${place}`;
  const help = question.help ? h("small", { id: `${id}-help` }, question.help) : null;
  const described = help ? `${id}-help` : null;
  if (question.type === "yes_no" || question.type === "choice") {
    let isGiven = false;
    const group = buttons(optionsOf(question), () => { isGiven = true; answered(); });
    const element = h("fieldset", { class: "question", tabindex: "-1", "aria-describedby": described }, h("legend", {}, question.text), help, h("div", { class: "answers" }, group.elements));
    return {
      element,
      read: () => (isGiven ? { value: group.value() } : {}),
      set: (value) => { isGiven = value !== undefined; group.set(value); },
      focus: () => element.focus({ preventScroll: true }),
    };
  }
  const attributes = { id, name: question.name, autocomplete: "off", "aria-describedby": described, maxlength: String(LONGEST_TEXT) };
  const input = question.type === "text" ? h("textarea", { ...attributes, rows: "2" }) : h("input", { ...attributes, inputmode: "decimal", "data-keys": "" });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.repeat) return;
    event.preventDefault();
    answered();
  });
  return {
    element: h("div", { class: "question" }, h("label", { for: id }, question.text), input, help, h("small", { class: "soft" }, h("kbd", {}, "Enter"), question.required === false ? " goes on, also without an answer" : " goes on")),
    read: () => readTyped(question, input.value.trim()),
    set: (value) => { input.value = value ?? ""; },
    focus: () => input.focus(),
    input,
  };
}

/** The field of an audit's finding: an outcome; an exception has an audit value and deviations, too. */
export function findingField({ outcomes, questions }, answered) {
  const attributes = questions.filter(({ type }) => type === "yes_no").map(({ name }) => name);
  const group = buttons(outcomes.map(([value, title]) => ({ value, title, name: OUTCOME_KEYS[value] })), () => {
    show();
    if (!amounts.hidden) (attributes.length ? boxes[0] : audit).focus();
    else answered();
  });
  const enter = (event) => {
    if (event.key !== "Enter" || event.repeat) return;
    event.preventDefault();
    answered();
  };
  const audit = h("input", { id: "audit-value", inputmode: "decimal", autocomplete: "off", maxlength: "60", "data-keys": "", onkeydown: enter });
  const boxes = attributes.map((name, place) => h("input", { type: "checkbox", value: name, "data-answer-key": CHOICE_KEYS[place], onkeydown: enter }));
  const amounts = h("div", { class: "stack", hidden: true },
    attributes.length > 0 && h("fieldset", {}, h("legend", {}, "Deviates from"), boxes.map((box, place) => h("label", { class: "check" }, box, attributes[place], " ", key(CHOICE_KEYS[place])))),
    h("div", {}, h("label", { for: "audit-value" }, "Audit value"), audit, h("small", { class: "soft" }, h("kbd", {}, "Enter"), " saves")));
  const show = () => { amounts.hidden = group.value() !== "exception"; };
  const element = h("fieldset", { class: "question", tabindex: "-1" }, h("legend", {}, "Finding"), h("div", { class: "answers" }, group.elements), amounts);
  return {
    element,
    read: () => {
      const outcome = group.value();
      if (!outcome) return {};
      const deviations = boxes.filter((box) => box.checked).map((box) => box.value);
      if (outcome !== "exception") return { value: { outcome } };
      const answers = Object.fromEntries(deviations.map((name) => [name, true]));
      if (!audit.value.trim()) return { value: { outcome, answers } };
      const { plain, problem } = readAmount(audit.value.trim());
      return problem ? { problem } : { value: { outcome, answers: { ...answers, audit_value: plain } } };
    },
    set: (given) => {
      group.set(given?.outcome ?? null);
      audit.value = given?.audit_value ?? "";
      for (const box of boxes) box.checked = given?.deviations?.includes(box.value) ?? false;
      show();
    },
    focus: () => element.focus({ preventScroll: true }),
    input: audit,
  };
}

/** Show what is wrong with a field, or that nothing is. */
export function refuseField({ element, input }, message) {
  all(".field-problem", element).forEach((note) => note.remove());
  input?.removeAttribute("aria-invalid");
  if (!message) return;
  input?.setAttribute("aria-invalid", "true");
  element.append(h("small", { class: "field-problem", role: "alert" }, message));
  (input ?? one("button", element)).focus();
}
