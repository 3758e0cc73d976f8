// The review of a sample: one row at a time. An answer is saved, and the next row shown, without loading a page.

import { callApi } from "./api.js";
import { all, fill, h, one } from "./dom.js";
import { duration, number, time } from "./format.js";
import { announce, notify } from "./notices.js";
import { rowView } from "./review_document.js";
import { findingField, questionField, refuseField } from "./review_questions.js";
import { messageOf } from "./words.js";

const AWAY_MS = 600_000; // without input for so long, the reservation isn't renewed
const root = one("#queue");
const { job, task } = root.dataset;
const path = `/api/sampling/jobs/${job}`;
const settings = JSON.parse(root.dataset.settings);
const note = one("#note");
const problem = one("#problem");

let reserved = null; // the row reserved for the user
let present = null; // the row shown: the reserved one, or one of the user's own answers
let back = 0; // how many answers the user went back
let fields = [];
let current = 0;
let visited = new Set(); // a question that may be left out is passed before the answer is saved
let isBusy = false;
let unsaved = null; // the answer that the server hasn't stored
let lastInput = Date.now();

const isAudit = settings.is_audit;
const TITLES = Object.fromEntries(settings.outcomes);
const button = (text, name, onclick) => h("button", { type: "button", "data-answer-key": name, onclick }, text, h("kbd", {}, name.length === 1 ? name.toUpperCase() : name));

const MOMENT = /\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)/g;

/** Run a request at a time; keys wait for it. */
async function busy(work) {
  if (isBusy) return;
  isBusy = true;
  root.setAttribute("aria-busy", "true");
  try { await work(); } finally {
    isBusy = false;
    root.removeAttribute("aria-busy");
  }
}

const openNext = async () => {
  const answer = await callApi(`${path}/review-queue/next`, { json: { task } });
  reserved = answer.row;
  showProgress(answer.progress);
  if (reserved) showRow(reserved);
  else showEnd(answer.reason.replace(MOMENT, (text) => time(text).textContent));
};

function showProgress(progress) {
  one("#progress").value = progress.answered;
  one("#done").textContent = number(progress.answered);
  const parts = [
    progress.rows_per_hour && `${number(Math.round(progress.rows_per_hour))} rows an hour`,
    progress.minutes_left && `about ${duration(60 * progress.minutes_left)} left at this pace`,
    progress.second_due > 0 && `second readings ${number(progress.second_answered)} of ${number(progress.second_due)}`,
  ];
  one("#pace").textContent = parts.filter(Boolean).join(" · ");
  one("#differences").textContent = number(progress.differences);
}

/** What a reading says, in the words of the questions. */
function readingView(reading) {
  const value = ({ name, type }) => (!isAudit ? reading.answers[name] : type === "amount" ? reading.audit_value : reading.deviations.includes(name) || null);
  const lines = [
    ["Finding", reading.outcome && TITLES[reading.outcome]],
    ...settings.questions.map((question) => [question.text, valueText(value(question))]),
    ["Note", reading.note],
  ];
  return h("dl", { class: "facts" }, lines.filter(([, text]) => text).map(([name, text]) => [h("dt", {}, name), h("dd", { dir: "auto" }, text)]));
}

const valueText = (value) => (value === true ? "Yes" : value === false ? "No" : value === null || value === undefined ? "" : String(value));

function showRow(row) {
  present = row;
  clearProblem();
  const { texts, facts } = rowView(row.data);
  const name = row.name ?? "";
  fill(one("#texts"), texts);
  fill(one("#facts"), name && h("p", {}, h("strong", {}, name)), facts);
  fill(one("#readings"), row.readings?.map((reading, place) => h("section", { class: "card" }, h("h2", {}, `Reading ${place + 1}`), readingView(reading))));
  one("#correction").hidden = !row.given;
  makeFields();
  visited = new Set(row.given ? fields.keys() : []);
  fields.forEach((field, place) => field.set(row.given && (isAudit ? row.given : row.given.answers[settings.questions[place].name] ?? (row.given.outcome ? undefined : null))));
  note.value = row.given?.note ?? "";
  one("#reviewing").hidden = false;
  one("#end").hidden = true;
  scrollTo({ top: 0 });
  if (matchMedia("(max-width: 56rem)").matches) root.scrollIntoView(); // the questions take the lower part of a small screen
  fitTexts();
  goTo(0);
  announce(row.given ? `Your answer about ${name || "an earlier row"}.` : `Next row. ${name}`);
  root.dataset.shown = String(Number(root.dataset.shown ?? 0) + 1);
}

/** The fields are made anew for each row, so that a screen reader reads them again. */
function makeFields() {
  fields = isAudit ? [findingField(settings, answered)] : settings.questions.map((question, place) => questionField(question, place, answered));
  fill(one("#questions"), fields.map((field) => field.element));
}

/** Go to a question: its keys are in force. */
function goTo(place) {
  setCurrent(place);
  fields[place].focus();
}

function setCurrent(place) {
  current = place;
  visited.add(place);
  fields.forEach((field, each) => field.element.classList.toggle("current", each === place && fields.length > 1));
}

function showEnd(reason) {
  present = null;
  one("#reviewing").hidden = true;
  one("#end").hidden = false;
  one("#reason").textContent = reason;
  one("#end").focus();
  announce(reason);
}

/** The question that the user has answered; the last one saves. */
function answered() {
  const { problem: wrong } = fields[current].read();
  refuseField(fields[current], wrong);
  if (wrong) return;
  const isOpen = ({ value, problem: refused }, place) => value === undefined || refused || !visited.has(place);
  const open = fields.map((field, place) => [field.read(), place]).filter(([read, place]) => place !== current && isOpen(read, place));
  const [, following] = open.find(([, place]) => place > current) ?? open[0] ?? [];
  if (following === undefined) send(answers());
  else goTo(following);
}

/** The present answer as a request. */
function answers() {
  if (isAudit) return requestOf(fields[0].read().value);
  const given = settings.questions.map((question, place) => [question.name, fields[place].read().value]);
  return requestOf({ answers: Object.fromEntries(given.filter(([, value]) => value !== null)) });
}

const requestOf = (found) => ({ row_id: present.row_id, ...found, note: note.value.trim(), ...(present.given ? { reading: present.given.reading, previous_id: present.given.id } : {}) });

const sendOutcome = (outcome) => present && !isBusy && send(requestOf({ outcome }));

const send = (request) => busy(async () => {
  unsaved = request;
  clearProblem();
  try {
    await callApi(`${path}/answers`, { json: request });
  } catch (error) { return refused(error); }
  unsaved = null;
  back = 0;
  try {
    await openNext();
  } catch (error) { showProblem(`Your answer is saved, but the next row can’t be read: ${textOf(error)}`, button("Try again", "r", retry)); }
});

const retry = () => (unsaved ? send(unsaved) : busy(openNext).catch((error) => showProblem(textOf(error), button("Try again", "r", retry))));

const textOf = (error) => (error instanceof TypeError ? "The server does not respond." : error.errors?.length ? messageOf(error.errors[0]) : error.message);

/** An answer wasn't stored: it stays on the page, and can be sent again. */
function refused(error) {
  if (error.status === 422) {
    unsaved = null;
    const place = isAudit ? 0 : settings.questions.findIndex(({ name }) => error.errors?.[0]?.loc.includes(name));
    refuseField(fields[Math.max(place, 0)], textOf(error));
  } else if (error.status === 409) {
    unsaved = null;
    showProblem(`Not saved: ${textOf(error)}`, button("Go to the next row", "Enter", () => busy(openNext)));
  } else showProblem(`Not saved: ${textOf(error)} Your answer is still here.`, button("Send again", "r", retry));
}

function showProblem(text, ...actions) {
  fill(problem, h("p", {}, text), h("div", { class: "row" }, actions));
  problem.hidden = false;
  one("button", problem)?.focus();
}

function clearProblem() {
  problem.hidden = true;
  fill(problem);
}

/** Show the user's answer before the one shown, to correct it. */
const goBack = () => busy(async () => {
  const { entries: [entry] } = await callApi(`${path}/review-queue/mine`, { query: { offset: back, limit: 1 } });
  if (!entry) return notify(back ? "This is your first answer." : "You have no answer yet.", "quiet");
  back += 1;
  showRow({ ...entry, given: entry });
}).catch((error) => notify(textOf(error), "bad"));

const leaveCorrection = () => {
  if (!present?.given) return;
  back = 0;
  if (reserved) showRow(reserved);
  else retry();
};

let isUnfolded = sessionStorage.getItem("unfolded") === "yes";

/** Fold long texts, or show them whole; the choice holds for the next rows. */
function fitTexts() {
  let isFolded = false;
  for (const body of all("#texts .body")) {
    body.classList.toggle("folded", !isUnfolded);
    const isLong = body.scrollHeight > body.clientHeight + 8;
    body.classList.toggle("cut", isLong);
    isFolded ||= isLong;
  }
  one("#fold").hidden = !isFolded && !isUnfolded;
  one("#fold").firstChild.textContent = isUnfolded ? "Fold long texts " : "Show all of the text ";
}

const ACTIONS = {
  "not-examinable": () => sendOutcome("not_examinable"),
  "not-applicable": () => sendOutcome("not_applicable"),
  back: goBack,
  leave: leaveCorrection,
  fold: () => {
    isUnfolded = !isUnfolded;
    sessionStorage.setItem("unfolded", isUnfolded ? "yes" : "no");
    fitTexts();
  },
};
one("#again").addEventListener("click", retry);
root.addEventListener("click", (event) => ACTIONS[event.target.closest("button")?.id]?.());

const isTyping = (target) => target.closest?.("input:not([type=checkbox]), textarea, select");

let before = "";
document.addEventListener("keydown", (event) => {
  lastInput = Date.now();
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || one("dialog[open]")) return;
  const isChord = before === "g"; // of the navigation
  before = event.key;
  const typing = isTyping(event.target);
  if (event.key === "Escape") return typing ? goTo(current) : leaveCorrection();
  if (typing === note && event.key === "Enter") {
    event.preventDefault();
    return goTo(current);
  }
  const isEmptyNumber = typing && "keys" in typing.dataset && typing.value === "" && /^[a-z]$/i.test(event.key);
  if ((typing && !isEmptyNumber) || isChord || isBusy) return;
  if (event.key === " " && !event.target.closest?.("button, a, summary, label, input")) {
    event.preventDefault();
    return scrollBy({ top: (event.shiftKey ? -0.85 : 0.85) * innerHeight }); // the questions may scroll, too
  }
  const name = event.key === "Backspace" ? "z" : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (name === "Enter" && event.target.closest?.("button, a")) return;
  const places = [problem, fields[current]?.element, root].filter(Boolean);
  const target = places.map((place) => one(`[data-answer-key="${CSS.escape(name)}"]`, place)).find((found) => found && !found.closest("[hidden]") && !isOther(found));
  if (!target) return;
  event.preventDefault();
  target.click();
});

/** Whether a button belongs to a question without the focus. */
const isOther = (found) => found.closest(".question") && found.closest(".question") !== fields[current].element;

one("#questions").addEventListener("focusin", (event) => {
  const place = fields.findIndex((field) => field.element.contains(event.target));
  if (place >= 0 && place !== current) setCurrent(place);
});

for (const kind of ["pointerdown", "wheel", "scroll"]) addEventListener(kind, () => { lastInput = Date.now(); }, { passive: true });
addEventListener("resize", () => present && fitTexts());

/** Renew the reservation while the user is here; say so if the row went to another person. */
setInterval(async () => {
  if (!reserved || isBusy || document.visibilityState !== "visible" || Date.now() - lastInput > AWAY_MS) return;
  const answer = await callApi(`${path}/review-queue/next`, { json: { task } }).catch(() => null);
  if (!answer || answer.row?.row_id === reserved.row_id) return;
  reserved = answer.row;
  if (present?.given) return;
  showProblem("Your reservation ended, and another person has this row now. Your answer about it isn’t saved.", button("Go to the next row", "Enter", () => busy(openNext)));
}, settings.renew_ms);

document.addEventListener("session-renewed", () => { if (unsaved) retry(); });
addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });

retry();
