// Entry of findings: one line for each row. Enter saves the line and goes to the next one.

import { callApi, upload } from "./api.js";
import { readAmount } from "./draw_fields.js";
import { all, fill, h, one } from "./dom.js";
import { askReason } from "./forms.js";
import { amount, bytes, number } from "./format.js";
import { announce, problemText } from "./notices.js";
import { messageOf } from "./words.js";

const table = one("#findings");
const path = `/api/sampling/jobs/${(table ?? one("#sample-files"))?.dataset.job}`;
const KEYS = { o: "ok", e: "exception", n: "not_applicable", c: "not_examinable" };
const FIELDS = ["outcome", "audit_value", "note", "cause", "cause_text"];
const WITH_CAUSE = ["exception", "not_examinable"];
const CONFLICTS = ["finding_changed", "row_replaced"];
const NO_FINDING = "Choose a finding.";
const saving = new Map();
const nextPage = one('nav[aria-label="Pages"] a[rel="next"]');
const nextOffset = nextPage && Number(new URL(nextPage.href).searchParams.get("offset"));
let newest = 0;

const field = (line, name) => one(`[name="${name}"]`, line);
const deviations = (line) => all('[name="deviation"]:checked', line).map((box) => box.value);
const textOf = (line) => [...FIELDS.map((name) => field(line, name).value.trim()), ...deviations(line)].join("\n");

/** The finding of a line, or what is wrong with it. */
function findingOf(line) {
  const [outcome, typed, note, cause, causeText] = FIELDS.map((name) => field(line, name).value.trim());
  const why = WITH_CAUSE.includes(outcome) ? { ...(cause ? { cause } : {}), cause_text: causeText } : {};
  const { plain, problem } = typed ? readAmount(typed) : { plain: null };
  if (problem) return { problem };
  if (!outcome && (typed || note)) return { problem: NO_FINDING };
  return { finding: { row_id: line.dataset.row, outcome, audit_value: plain, note, deviations: deviations(line), ...why, previous_id: Number(line.dataset.previous) } };
}

/** Show or clear what is wrong with a line. */
function refuse(line, message, name = "outcome") {
  all(".field-problem", line).forEach((note) => note.remove());
  all("[aria-invalid]", line).forEach((input) => input.removeAttribute("aria-invalid"));
  if (!message) return;
  field(line, name).setAttribute("aria-invalid", "true");
  field(line, name).after(h("small", { class: "field-problem", role: "alert" }, message));
}

/** Whether a line can't be read; it then shows why. */
function isRefused(line) {
  const { problem } = findingOf(line);
  refuse(line, problem, problem === NO_FINDING ? "outcome" : "audit_value");
  return Boolean(problem);
}

/** Save a line if it was changed and can be read. */
async function save(line) {
  if (textOf(line) === line.dataset.saved || conflictOf(line)) return;
  const { finding } = findingOf(line);
  if (!finding?.outcome) return;
  const sent = textOf(line);
  try {
    const answer = await callApi(`${path}/findings`, { json: { findings: [finding] } });
    if (finding.audit_value && textOf(line) === sent) field(line, "audit_value").value = amount(finding.audit_value);
    [line.dataset.previous, line.dataset.saved] = [answer.ids[0], textOf(line)];
    fill(one(".entered", line), h("span", { class: "chip good" }, "Saved"));
    refuse(line);
    leave(line);
    if (answer.ids[0] > newest) { // responses may arrive in another order
      [newest] = answer.ids;
      show(answer.counts);
    }
  } catch (error) {
    if (CONFLICTS.includes(error.code)) await showConflict(line);
    else if (error.errors?.length) {
      const place = FIELDS.find((name) => error.errors[0].loc.includes(name)) ?? "outcome";
      refuse(line, messageOf(error.errors[0]), place);
    } else refuse(line, `Not saved. ${problemText(error)}`);
  }
}

/** The rows of the next page move up by those that a saved line takes out of the filter. */
function leave(line) {
  const { show } = table.dataset;
  if (!nextPage || !(show === "open" || (show === "missing" && (field(line, "cause").value || field(line, "cause_text").value)))) return;
  line.dataset.left = "";
  const url = new URL(nextPage.href);
  url.searchParams.set("offset", nextOffset - all("[data-left]", table).length);
  nextPage.href = url;
}

/** The note below a line on what another person did with its row meanwhile. */
const conflictOf = (line) => (line.nextElementSibling?.className === "conflict" ? line.nextElementSibling : null);

/** The line of the same row on the server's present page; null if it can't be read. */
async function presentLine(line) {
  const answer = await fetch(`/jobs/${table.dataset.job}?tab=findings&row_id=${encodeURIComponent(line.dataset.row)}`, { credentials: "same-origin" }).catch(() => null);
  if (!answer?.ok || answer.redirected) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return all("#findings tr[data-row]", page).find((each) => each.dataset.row === line.dataset.row) ?? null;
}

/** A line's finding and who entered it, as text. */
function described(line) {
  const outcome = field(line, "outcome");
  const cause = field(line, "cause");
  const parts = [
    outcome.selectedOptions[0].text, field(line, "audit_value").value && `audit value ${field(line, "audit_value").value}`,
    deviations(line).length > 0 && `deviates from ${deviations(line).join(", ")}`, field(line, "note").value && `note “${field(line, "note").value}”`,
    cause.value && cause.selectedOptions[0].text, field(line, "cause_text").value,
  ];
  const entered = [...one(".entered", line).childNodes].filter((node) => node.nodeName !== "A");
  return `${parts.filter(Boolean).join(", ")} (${entered.map((node) => node.textContent).join("").trim()})`;
}

/** Keep what was typed in a line, unsaved, and show below what another person did with its row meanwhile. */
async function showConflict(line) {
  const theirs = await presentLine(line);
  const isOpen = theirs && field(theirs, "outcome");
  const button = (text, onclick) => h("button", { type: "button", onclick }, text);
  const save = () => {
    line.dataset.previous = theirs.dataset.previous;
    conflictOf(line).remove();
    saved(line);
    field(line, "outcome").focus();
  };
  const take = () => {
    conflictOf(line).remove();
    line.replaceWith(document.adoptNode(theirs));
    if (isOpen) {
      theirs.dataset.saved = textOf(theirs);
      field(theirs, "outcome").focus();
    }
  };
  const what = isOpen ? `Another person entered a finding about this row meanwhile: ${described(theirs)}.`
    : theirs ? "Another person replaced this row meanwhile, so it takes no finding." : "Another person changed this row meanwhile. Copy what you typed, and reload the page.";
  line.after(h("tr", { class: "conflict" }, h("td", { colspan: String(line.cells.length) },
    h("div", { class: "note warn", role: "alert" }, h("p", {}, `${what} What you typed isn’t saved.`),
      h("div", { class: "row" }, isOpen && button("Save mine", save), theirs && button(isOpen ? "Keep theirs" : "Discard mine", take))))));
}

/** Saves of a line run one after the other. */
function saved(line) {
  saving.set(line, (saving.get(line) ?? Promise.resolve()).then(() => save(line)));
}

function show(counts) {
  const rows = counts.items - counts.replaced;
  const done = rows - counts.open;
  one("#done").textContent = number(done);
  const { exception, not_examinable: lost } = counts;
  one("#exceptions").textContent = `${number(exception)} ${exception === 1 ? "exception" : "exceptions"}${lost ? `, ${number(lost)} not examinable` : ""}`;
  one("#exceptions").classList.toggle("warn", exception + lost > 0);
  one("#review progress").value = done;
  const filters = { open: counts.open, exceptions: exception + lost, missing: counts.missing };
  all("[data-filter]").forEach((count) => { count.textContent = number(filters[count.dataset.filter]); });
  one("#attributes")?.closest("details").remove(); // they are chosen before the first finding
  announce(`${done} of ${rows} rows have a finding`);
}

const lines = () => all("tr[data-row]", table).filter((line) => field(line, "outcome"));

/** Save a line in the background and go to the next one; a line that can't be read stays. */
function next(line) {
  saved(line);
  if (isRefused(line)) return;
  const rest = lines();
  const following = rest[rest.indexOf(line) + 1];
  if (following) field(following, "outcome").focus();
  else nextPage?.focus();
}

/** Show what an outcome has: an exception has deviations, and a cause as has what can’t be examined. */
function fit(line) {
  const outcome = field(line, "outcome").value;
  one(".causes", line).hidden = !WITH_CAUSE.includes(outcome);
  if (outcome !== "exception") all('[name="deviation"]', line).forEach((box) => { box.checked = false; });
}

/** A deviation makes an exception. */
function deviate(line, box) {
  if (box.checked) field(line, "outcome").value = "exception";
  fit(line);
}

async function replace(line) {
  const { row, name } = line.dataset;
  const isNamed = name !== row;
  const reason = await askReason("Replace a row", h("p", {}, `Replace ${isNamed ? "" : "row "}${name} by the next row of the order? Replace only a row that the test doesn’t apply to, such as a voided document. A row that can’t be examined counts as an exception.`), "Reason", "Replace");
  if (!reason) return;
  try {
    const made = await callApi(`${path}/replacements`, { json: { row_id: row, reason } });
    sessionStorage.setItem("notice", `${isNamed ? "" : "Row "}${name} was replaced by ${made.replacement_name}, at the end of the list.`);
    location.reload();
  } catch (error) { refuse(line, problemText(error)); }
}

/** Attach files to a line's row, one after the other; what is wrong with one stands in the line. */
async function attach(line, files) {
  const cell = one(".files", line);
  all(".field-problem", cell).forEach((note) => note.remove());
  for (const file of files) {
    const bar = h("progress", { max: "1", value: 0, "aria-label": `Upload of ${file.name}` });
    const note = h("div", {}, file.name, bar);
    const body = new FormData();
    if (line.dataset.row) body.append("row_id", line.dataset.row);
    body.append("file", file, file.name);
    cell.append(note);
    try {
      const made = await upload(`${path}/attachments`, body, (share) => { bar.value = share; });
      note.remove();
      one("ul", cell).append(h("li", {}, h("a", { href: `${path}/attachments/${made.id}`, download: true }, made.file_name), " ", h("span", { class: "soft" }, bytes(made.size_bytes)), " ",
        h("button", { type: "button", class: "plain", name: "remove", value: String(made.id), "aria-label": `Remove ${made.file_name} from ${line.dataset.name}` }, "✕")));
      announce(`${made.file_name} is attached to ${line.dataset.name}`);
    } catch (error) {
      note.replaceWith(h("small", { class: "field-problem", role: "alert" }, `${file.name}: ${problemText(error)}`));
    }
  }
}

async function remove(line, button) {
  const reason = await askReason("Remove a file", h("p", {}, `${button.getAttribute("aria-label")}? The file stays in the history, with your reason.`), "Reason", "Remove");
  if (!reason) return;
  try {
    await callApi(`${path}/attachments/${button.value}`, { method: "DELETE", json: { reason } });
    button.closest("li").remove();
  } catch (error) { button.after(h("small", { class: "field-problem", role: "alert" }, problemText(error))); }
}

one("#review")?.before(one("#toasts")); // where they cover no line

// A box that is ticked moves behind the others that are, since this is the order of the columns.
one("#columns")?.addEventListener("change", ({ target: box, currentTarget: form }) => {
  const last = all(":checked", form).filter((other) => other !== box).at(-1);
  if (last) last.closest("label").after(box.closest("label"));
  else one(".options", form).prepend(box.closest("label"));
  box.focus();
});

for (const line of table ? lines() : []) line.dataset.saved = textOf(line);

table?.addEventListener("keydown", (event) => {
  const line = event.target.closest("tr[data-row]");
  if (!line || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Enter" && event.target.matches("select, input:not([type=file])")) {
    event.preventDefault();
    next(line);
  } else if (event.target.name === "outcome" && KEYS[event.key.toLowerCase()]) {
    event.preventDefault();
    event.target.value = KEYS[event.key.toLowerCase()];
    fit(line);
  } else if (event.target.name === "outcome" && /^[1-9]$/.test(event.key)) {
    const box = all('[name="deviation"]', line)[Number(event.key) - 1];
    if (!box) return;
    event.preventDefault();
    box.checked = !box.checked;
    deviate(line, box);
  }
});

table?.addEventListener("change", (event) => {
  const line = event.target.closest("tr[data-row]");
  if (event.target.name === "outcome") fit(line);
  if (event.target.name === "deviation") deviate(line, event.target);
  if (event.target.name === "file") {
    attach(line, [...event.target.files]);
    event.target.value = "";
  }
});

table?.addEventListener("focusout", (event) => {
  const line = event.target.closest("tr[data-row]");
  if (line && field(line, "outcome") && !line.contains(event.relatedTarget) && !isRefused(line)) saved(line);
});

table?.addEventListener("click", ({ target }) => {
  if (target.name === "replace") replace(target.closest("tr[data-row]"));
  if (target.name === "remove") remove(target.closest("tr[data-row]"), target);
});

const whole = one("#sample-files");
whole?.addEventListener("change", ({ target }) => { attach(whole, [...target.files]); target.value = ""; });
whole?.addEventListener("click", ({ target }) => { if (target.name === "remove") remove(whole, target); });

for (const kind of ["dragover", "dragleave", "drop"]) {
  table?.addEventListener(kind, (event) => {
    const line = event.target.closest("tr[data-row]");
    const cell = line && one(".files:has(input)", line);
    if (!cell || !event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    cell.classList.toggle("over", kind === "dragover");
    if (kind === "drop") attach(line, [...event.dataTransfer.files]);
  });
}

document.addEventListener("session-renewed", () => {
  for (const line of lines()) if (textOf(line) !== line.dataset.saved && !isRefused(line)) saved(line);
});

addEventListener("beforeunload", (event) => {
  if (table && lines().some((line) => textOf(line) !== line.dataset.saved)) event.preventDefault();
});
