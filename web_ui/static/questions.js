// The questions of a sample's review, with the columns that reviewers see and a preview of them.

import { callApi } from "./api.js";
import { all, fill, h, listed, one } from "./dom.js";
import { percentOf } from "./draw_fields.js";
import { clearMarks, mark } from "./forms.js";
import { reportProblem } from "./notices.js";
import { rowView } from "./review_document.js";
import { messageOf } from "./words.js";

const form = one("#ask");
const list = one("#question-list");
const row = JSON.parse(form.dataset.row);

const field = (block, name) => one(`[name="${name}"]`, block);

/** The choices of a question: one a line, so that a choice can have a comma. */
const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

/** A name for estimates from the words of a question: "Is it bad?" → is_it_bad. */
const nameOf = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "_").replace(/^_+|_+$/g, "").slice(0, 60);

function fit(block) {
  field(block, "choices").closest("div").hidden = field(block, "type").value !== "choice";
  if (!block.dataset.named) field(block, "name").value = nameOf(field(block, "text").value);
}

function add() {
  const block = one("#question").content.firstElementChild.cloneNode(true);
  const place = list.children.length;
  for (const input of all("[id]", block)) input.id += `-${place}`;
  for (const label of all("label[for]", block)) label.htmlFor += `-${place}`;
  list.append(block);
  fit(block);
  show();
  return block;
}

/** Show which questions can be removed, and what a reviewer sees. */
function show() {
  [...list.children].forEach((block, place) => {
    one("legend", block).textContent = `Question ${place + 1}`;
    one('[name="remove"]', block).hidden = list.children.length === 1;
  });
  const hidden = all('[name="hidden"]:checked', form).map((box) => box.value);
  const { texts, facts } = rowView(Object.fromEntries(Object.entries(row).filter(([name]) => !hidden.includes(name))));
  fill(one("#preview"), texts, facts, texts.length === 0 && !facts && h("p", { class: "soft" }, "No column is shown."));
}

function requestOf() {
  const isAudit = form.elements.is_audit.checked;
  const questions = isAudit ? [] : [...list.children].map((block) => {
    const type = field(block, "type").value;
    return {
      name: field(block, "name").value.trim(), type, text: field(block, "text").value.trim(),
      ...(type === "choice" ? { choices: lines(field(block, "choices").value) } : {}),
      ...(field(block, "help").value.trim() ? { help: field(block, "help").value.trim() } : {}),
      required: field(block, "required").checked,
    };
  });
  const share = form.elements.second_readings.value.trim();
  const percents = percentOf(share);
  return {
    questions,
    hidden: all('[name="hidden"]:checked', form).map((box) => box.value),
    second_readings: share === "" ? 0 : percents === undefined ? Number(share) : percents / 100,
    reviewers: listed(form.elements.reviewers.value),
  };
}

/** Show each error at its field; returns whether each has one. */
function refuse(errors) {
  const others = [];
  for (const error of errors) {
    const at = error.loc.indexOf("questions");
    const block = at >= 0 ? list.children[error.loc[at + 1]] : null;
    const input = block && (field(block, error.loc.findLast((part) => typeof part === "string")) ?? field(block, "text"));
    if (!input) { others.push(error); continue; }
    input.closest("details")?.setAttribute("open", "");
    input.setAttribute("aria-invalid", "true");
    input.after(h("small", { class: "field-problem", role: "alert" }, messageOf(error)));
  }
  const isShown = others.length === 0 || mark(form, others);
  one('[aria-invalid="true"]', form)?.focus();
  return isShown && errors.length > 0;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clearMarks(form);
  const save = one("button.main", form);
  save.disabled = true;
  try {
    await callApi(form.dataset.path, { method: "PUT", json: requestOf() });
    sessionStorage.setItem("notice", "The questions are stored.");
    location.reload();
  } catch (error) {
    if (!refuse(error.errors ?? [])) reportProblem(error);
  } finally { save.disabled = false; }
});

form.addEventListener("input", (event) => {
  const block = event.target.closest("#question-list > fieldset");
  if (!block) return;
  if (event.target.name === "name") block.dataset.named = "yes";
  fit(block);
});
form.addEventListener("change", (event) => {
  if (event.target.name === "hidden") show();
  if (event.target.name !== "is_audit") return;
  for (const part of [list, one("#more-questions")]) part.hidden = event.target.checked;
  for (const input of all("input, select, button", list)) input.disabled = event.target.checked;
});
form.addEventListener("click", (event) => {
  if (event.target.id === "add-question") field(add(), "text").focus();
  if (event.target.name !== "remove") return;
  event.target.closest("fieldset").remove();
  show();
});

const known = JSON.parse(form.dataset.questions);
for (const question of known.length ? known : [{}]) {
  const block = add();
  for (const [name, value] of Object.entries(question)) {
    const input = field(block, name);
    if (!input) continue;
    if (name === "required") input.checked = value;
    else input.value = name === "choices" ? value.join("\n") : value ?? "";
  }
  if (question.name) block.dataset.named = "yes";
  fit(block);
}
