// Forms that call the API: <form data-api="POST /api/…" data-then="/path/{id}">.
//
// The body is JSON by field name. data-as="number", "list", "lines" or "json" converts a text; data-as="item" lists the values of
// the checked boxes of a name; a name "a.b" is nested. Empty
// fields are omitted, except with data-empty. data-confirm asks; data-confirm-text must be
// typed. data-then is the next page, with {name} from the response, else a reload.
// data-show="#template" shows the response instead, in data-show-in="#id" or after the form, and
// data-reload="#id" reloads a part of the page.
// data-notice is shown on the next page.
//
// data-background sends a plain form in the background: the page stays if it fails.
// data-once adds an idempotency key. data-switch submits the form when a choice changes.

import { callApi, newKey, submitForm } from "./api.js";
import { all, h, listed, one } from "./dom.js";
import { localTime, number } from "./format.js";
import { notify, reportProblem } from "./notices.js";
import { LABELS, messageOf } from "./words.js";

const NOTICE = "notice", WARNING = "warning";

/** Show a text as a warning on the next page. */
export const warnNext = (text) => sessionStorage.setItem(WARNING, text);

/** A form's fields as the body of a request. */
export function body(form) {
  const values = {};
  const put = (name, value) => {
    const path = name.split("."), last = path.pop();
    path.reduce((outer, part) => outer[part] ??= {}, values)[last] = value;
  };
  for (const field of form.elements) {
    if (!field.name || field.disabled || (field.type === "radio" && !field.checked)) continue;
    if (field.dataset.as === "item") {
      values[field.name] ??= [];
      if (field.checked ?? field.value) values[field.name].push(field.value);
      continue;
    }
    const text = field.type === "checkbox" ? field.checked
      : field.type === "file" ? field.dataset.content ?? "" : field.type === "password" ? field.value : field.value.trim(); // a password may begin or end with a space
    if (text === "" && field.dataset.empty === undefined) continue;
    if (field.dataset.as === "number") put(field.name, Number.isFinite(Number(text)) ? Number(text) : text); // the server refuses a text at its field
    else if (field.dataset.as === "list") put(field.name, listed(text));
    else if (field.dataset.as === "lines") put(field.name, text.split("\n").map((part) => part.trim()).filter(Boolean));
    else put(field.name, field.dataset.as === "json" ? JSON.parse(text) : text);
  }
  return values;
}

/** Show each error next to its field; returns whether each has a field. A hidden field appears, with what the
    error suggests. */
export function mark(form, errors) {
  let hasFields = errors.length > 0;
  for (const error of errors) {
    const names = error.loc.filter((part) => typeof part === "string");
    const nested = names.slice(1).join("."); // after "body"
    const field = form.elements[nested] ?? form.elements[names.findLast((part) => form.elements[part])];
    if (!field?.closest) { hasFields = false; continue; }
    if (field.hidden) {
      field.hidden = false;
      field.value = error.parameters?.suggestion ?? "";
    }
    field.setAttribute("aria-invalid", "true");
    const id = `${field.id || field.name}-problem`;
    field.setAttribute("aria-describedby", id);
    field.after(h("small", { id, class: "field-problem", role: "alert" }, messageOf(error)));
  }
  one('[aria-invalid="true"]', form)?.focus();
  return hasFields;
}

export function clearMarks(form) {
  for (const field of form.elements) LABELS[field.name] ??= (field.dataset.as === "item" ? field.closest("fieldset").firstChild : field.labels?.[0])?.textContent.trim();
  all(".field-problem", form).forEach((note) => note.remove());
  all("[aria-invalid]", form).forEach((field) => field.removeAttribute("aria-invalid"));
}

/** A name as people can type it: on one line, without invisible characters. */
const typeable = (text) => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, " ").replace(/\s+/g, " ").trim();

/** Show a dialog with a field and a button with the value "yes"; resolves to whether that was pressed. */
function ask(title, content, field, yes) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { "aria-label": title, onclick: ({ target }) => target.href && dialog.close() }, h("h2", {}, title), content,
      h("form", { method: "dialog", class: "stack" }, field,
        h("div", { class: "row end" }, h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), yes)));
    dialog.addEventListener("close", () => { resolve(dialog.returnValue === "yes"); dialog.remove(); });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Show a confirmation dialog; resolves to whether the user confirmed. */
export function confirmed(question, name = "") {
  const typed = typeable(name);
  const input = typed ? h("input", { "aria-label": `Type ${typed}`, autocomplete: "off" }) : null;
  const yes = h("button", { class: "bad", value: "yes", disabled: Boolean(typed) }, "Confirm");
  input?.addEventListener("input", () => { yes.disabled = typeable(input.value) !== typed; });
  const asked = typed ? [h("p", {}, question), h("p", {}, "Type ", h("strong", {}, typed), " to confirm:")] : h("p", {}, question);
  return ask("Confirmation", asked, input, yes);
}

/** Ask for a reason; resolves to "" if the user cancels. */
export async function askReason(title, content, label, action) {
  const input = h("input", { maxlength: "2000", required: true, autofocus: true, autocomplete: "off" });
  return await ask(title, content, h("label", {}, label, input), h("button", { class: "main", value: "yes" }, action)) ? input.value.trim() : "";
}

/** List the rows whose findings lack something; submit them with a reason to leave these out. */
async function submitIncomplete(form, { errors }) {
  const rows = errors.map((error) => h("li", {}, h("a", { href: `?tab=findings&${error.parameters.lacks === "replacement" ? `offset=${error.parameters.place}` : "show=missing"}#row-${encodeURIComponent(error.parameters.row_id)}` }, messageOf(error))));
  const rest = errors[0].parameters.count - errors.length;
  const note = await askReason("Incomplete findings", h("ul", { class: "plain-list lacking" }, rows, rest > 0 && h("li", {}, `and ${number(rest)} more`)),
    "Reason to submit them as they are", "Submit for review");
  if (note) sendToApi(form, { accept_missing: true, note });
}

// A file is sent as base64.
document.addEventListener("change", ({ target }) => {
  const file = target.type === "file" && target.form?.dataset.api && target.files[0];
  if (!file) return;
  const reader = new FileReader();
  reader.onload = () => { target.dataset.content = reader.result.split(",")[1]; };
  reader.readAsDataURL(file);
});

async function sendToApi(form, more = {}) {
  const [method, path] = form.dataset.api.split(" ");
  if (form.dataset.confirm && !(await confirmed(form.dataset.confirm, form.dataset.confirmText))) return;
  clearMarks(form);
  const buttons = all("button", form);
  buttons.forEach((button) => { button.disabled = true; });
  try {
    const answer = await callApi(path, { method, json: { ...body(form), ...more } });
    if (form.dataset.show) showResponse(form, answer);
    if (form.dataset.reload) await reloadPart(form.dataset.reload);
    if (form.dataset.show) return;
    if (form.dataset.notice) sessionStorage.setItem(NOTICE, form.dataset.notice);
    if (!form.dataset.then) return location.reload();
    location.assign(form.dataset.then.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(answer[name])));
  } catch (problem) {
    if (problem.code === "details_missing") submitIncomplete(form, problem);
    else if (!mark(form, problem.errors ?? [])) reportProblem(problem);
  } finally {
    buttons.forEach((button) => { button.disabled = false; });
  }
}

/** Fill a template's [data-field] elements from the response and show it after the form, or in data-show-in. */
function showResponse(form, answer) {
  const copy = one(form.dataset.show).content.cloneNode(true);
  for (const element of all("[data-field]", copy)) {
    const value = answer[element.dataset.field];
    if (element.localName !== "time") element.textContent = value;
    else {
      element.dateTime = value;
      localTime(element);
    }
  }
  const place = form.dataset.showIn ? one(form.dataset.showIn) : form.parentElement;
  one(":scope > .answer", place)?.remove();
  const shown = h("div", { class: "answer", role: "status", tabindex: "-1" }, copy);
  if (form.dataset.showIn) place.append(shown);
  else form.after(shown);
  shown.scrollIntoView({ block: "nearest" });
  form.reset();
}

async function postInBackground(form, submitter) {
  if ("once" in form.dataset) form.dataset.once ||= newKey();
  const sending = submitForm(form, submitter, form.dataset.once ? { "Idempotency-Key": form.dataset.once } : {});
  const buttons = all("button", form);
  buttons.forEach((button) => { button.disabled = true; });
  try {
    location.assign(await sending);
  } catch (problem) {
    reportProblem(problem);
  } finally {
    buttons.forEach((button) => { button.disabled = false; });
  }
}

/** Reload a part of the page from the server. */
export async function reloadPart(selector) {
  const answer = await fetch(location.href, { credentials: "same-origin" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const part = answer.ok ? one(selector, page) : null;
  if (!part) return;
  all("time[datetime]", part).forEach(localTime);
  one(selector).replaceWith(part);
  document.dispatchEvent(new Event("part-loaded"));
}

// Show the notice of the form that led to this page.
for (const [item, kind] of [[NOTICE, "good"], [WARNING, "warn"]]) {
  const notice = sessionStorage.getItem(item);
  sessionStorage.removeItem(item);
  if (notice) notify(notice, kind);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  const handler = form.dataset.api ? sendToApi : "background" in form.dataset ? postInBackground : null;
  if (event.defaultPrevented || !handler) return;
  event.preventDefault();
  if (handler === sendToApi) sendToApi(form);
  else postInBackground(form, event.submitter);
});

document.addEventListener("change", (event) => {
  const switched = event.target.closest?.("[data-switch]"); // a form, or one of its fields
  (switched?.form ?? switched)?.requestSubmit();
});
