// Forms that speak to the API: <form data-api="POST /api/…" data-then="/where/{id}">.
//
// Fields go as JSON by their names; data-as="number", "list" or "lines" says what a text means, and
// an empty field is left out, and "a.b" is the field b within a. data-confirm asks first; data-confirm-text wants that text typed.
// data-then leads on, with {name} from the answer; without it the page is loaded anew. An answer's
// fields can be shown instead: data-show="#template-id", and a part of the page that the answer changes
// comes anew: data-renew="#id". data-said is said on the page that comes next.
//
// A form with data-stay is sent to its own action, which serves without scripts, too. With them it is
// sent in the background, so that the page stays when nobody answers, or when the answer is a refusal.
// data-once: sent twice, it does its work once.

import { ask, newKey, send } from "./api.js";
import { all, h, one } from "./dom.js";
import { say, tell } from "./notices.js";
import { inWords } from "./words.js";

const SAID = "said";

/** A form's fields as the body of a request. */
export function body(form) {
  const values = {};
  const put = (name, value) => {
    const [outer, inner] = name.split(".");
    if (inner) (values[outer] ??= {})[inner] = value;
    else values[name] = value;
  };
  for (const field of form.elements) {
    if (!field.name || field.disabled || (field.type === "radio" && !field.checked)) continue;
    const text = field.type === "checkbox" ? field.checked
      : field.type === "password" ? field.value : field.value.trim(); // a password is taken as it is typed
    if (text === "" && field.dataset.empty === undefined) continue;
    if (field.dataset.as === "number") put(field.name, Number(text));
    else if (field.dataset.as === "list") put(field.name, text.split(",").map((part) => part.trim()).filter(Boolean));
    else put(field.name, text);
  }
  return values;
}

/** Put each error of a 422 beside its field; returns whether all found one. */
export function mark(form, errors) {
  let all_found = errors.length > 0;
  for (const error of errors) {
    const field = form.elements[error.loc.findLast((part) => typeof part === "string" && form.elements[part])];
    if (!field?.closest) { all_found = false; continue; }
    field.setAttribute("aria-invalid", "true");
    const id = `${field.id || field.name}-problem`;
    field.setAttribute("aria-describedby", id);
    field.after(h("small", { id, class: "field-problem", role: "alert" }, inWords(error)));
  }
  one('[aria-invalid="true"]', form)?.focus();
  return all_found;
}

export function unmark(form) {
  all(".field-problem", form).forEach((note) => note.remove());
  all("[aria-invalid]", form).forEach((field) => field.removeAttribute("aria-invalid"));
}

/** Ask the reader; resolves to whether they want it. */
export function confirmed(question, typed = "") {
  return new Promise((resolve) => {
    const input = typed ? h("input", { "aria-label": `Type ${typed}`, autocomplete: "off" }) : null;
    const yes = h("button", { class: "bad", value: "yes", disabled: Boolean(typed) }, "Yes, do it");
    input?.addEventListener("input", () => { yes.disabled = input.value !== typed; });
    const dialog = h("dialog", { "aria-label": "Are you sure?" }, h("h2", {}, "Are you sure?"), h("p", {}, question),
      typed ? h("p", {}, "Type ", h("strong", {}, typed), " to go on:") : null,
      h("form", { method: "dialog", class: "stack" }, input,
        h("div", { class: "row end" }, h("button", { value: "no" }, "No"), yes)));
    dialog.addEventListener("close", () => { resolve(dialog.returnValue === "yes"); dialog.remove(); });
    document.body.append(dialog);
    dialog.showModal();
  });
}

async function askApi(form) {
  const [method, path] = form.dataset.api.split(" ");
  if (form.dataset.confirm && !(await confirmed(form.dataset.confirm, form.dataset.confirmText))) return;
  unmark(form);
  const buttons = all("button", form);
  buttons.forEach((button) => { button.disabled = true; });
  try {
    const answer = await ask(path, { method, json: body(form) });
    if (form.dataset.show) show(form, answer);
    if (form.dataset.renew) await renew(form.dataset.renew);
    if (form.dataset.show) return;
    if (form.dataset.said) sessionStorage.setItem(SAID, form.dataset.said);
    if (!form.dataset.then) return location.reload();
    location.assign(form.dataset.then.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(answer[name])));
  } catch (problem) {
    if (!mark(form, problem.errors ?? [])) tell(problem);
  } finally {
    buttons.forEach((button) => { button.disabled = false; });
  }
}

/** Fill a template's [data-field] elements from the answer and put it after the form. */
function show(form, answer) {
  const copy = one(form.dataset.show).content.cloneNode(true);
  for (const element of all("[data-field]", copy)) element.textContent = answer[element.dataset.field];
  one(".answer", form.parentElement)?.remove();
  form.after(h("div", { class: "answer", role: "status" }, copy));
  form.reset();
}

async function post(form, submitter) {
  if ("once" in form.dataset) form.dataset.once ||= newKey();
  const sending = send(form, submitter, form.dataset.once ? { "Idempotency-Key": form.dataset.once } : {});
  const buttons = all("button", form);
  buttons.forEach((button) => { button.disabled = true; });
  try {
    location.assign(await sending);
  } catch (problem) {
    tell(problem);
  } finally {
    buttons.forEach((button) => { button.disabled = false; });
  }
}

/** Have a part of the page as the server has it by now. */
async function renew(part) {
  const answer = await fetch(location.href, { credentials: "same-origin" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const now = answer.ok ? one(part, page) : null;
  if (now) one(part).replaceWith(now);
}

// What the form before this page had to say.
const said = sessionStorage.getItem(SAID);
if (said) {
  sessionStorage.removeItem(SAID);
  say(said);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  const take = form.dataset.api ? askApi : "stay" in form.dataset ? post : null;
  if (event.defaultPrevented || !take) return;
  event.preventDefault();
  take(form, event.submitter);
});
