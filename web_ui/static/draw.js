// The form of a new sample. Its state is the body of the API request.

import { callApi, newKey, urlWith } from "./api.js";
import { debounce, embeddedJson, fill, h, one } from "./dom.js";
import { number } from "./format.js";
import { confirmed } from "./forms.js";
import { notify, reportProblem } from "./notices.js";
import { draftOf } from "./draw_draft.js";
import { earlierForm, partsOf, setFilters } from "./draw_earlier.js";
import { showPlan } from "./draw_plan.js";
import { clearMarks, mark, note, refusals, reveal } from "./draw_problems.js";
import { isNumber } from "./draw_fields.js";
import { roundForm } from "./draw_round.js";
import { requestCode } from "./request_code.js";
import { addLabels, chooseText } from "./words.js";

const data = embeddedJson("draw-data");
addLabels(data.methods);
const draft = draftOf(`${data.dataset_id}:${location.search}`);
const MANY_ROWS = 1_000_000;
const RETRY_MS = 1000;
const MAX_PROPOSALS = 50;
const WAIT_MS = 3000;
const ASK_MS = 150;
let body = draft.body ?? data.body;
let columns = [];
let planned = null;
let requests = 0;
let key = newKey();

const base = `/api/datasets/${data.dataset_id}`;
const sampling = `/api/sampling/datasets/${data.dataset_id}`;
const showCode = requestCode(one("#as-code"));

/** What the fields of a step need: the table, the choices, and the callbacks. */
const context = {
  methods: data.methods,
  operators: data.operators,
  programmes: data.programmes,
  columns: () => columns,
  keyedOrder: () => ({ ...tables().find(({ key }) => key === body.table_key)?.order }),
  source: () => ({ source_ref: body.source_ref, table_key: body.table_key }),
  sampling,
  table: () => table(),
  amountColumn: () => body.amount_column ?? "",
  suggestAmount: (name) => { if (!body.amount_column && name) { body.amount_column = name; showAmount(); } },
  changed: () => changed(),
  redraw: (focus, selector) => { showRounds(focus); if (selector) one(selector)?.focus(); },
  onRegroup: (load) => regroups.push(load),
  regroup: () => regroups.forEach((load) => load()),
};
/** What lists groups, and must count again when rows or bands change. */
let regroups = [];

const tables = () => data.refs.find((ref) => ref.name === body.source_ref)?.tables ?? [];

function showSource() {
  const refs = data.refs.map((ref) => ref.name);
  if (!refs.includes(body.source_ref)) refs.push(body.source_ref);
  const isSample = (name) => name.startsWith("smpl-");
  const options = (names, chosen = body.source_ref) => names.map((name) => h("option", { value: name, selected: name === chosen }, name));
  const samples = options(refs.filter(isSample));
  fill(one("#source_ref"), options(refs.filter((name) => !isSample(name))), samples.length > 0 && h("optgroup", { label: "Samples" }, samples));
  const keys = tables().map((table) => table.key);
  if (keys.length && !keys.includes(body.table_key)) body.table_key = keys.includes("primary") ? "primary" : keys[0];
  if (!keys.length) keys.push(body.table_key ?? "primary");
  fill(one("#table_key"), options(keys, body.table_key));
}

const table = () => `${base}/refs/${encodeURIComponent(body.source_ref)}/tables/${encodeURIComponent(body.table_key)}`;

/** Count the different values of each column, so that those that suit as groups come first. */
async function countDistinct() {
  const counted = table();
  await callApi(`${counted}/analysis`);
  const found = await columnsOf(counted);
  if (counted !== table()) return;
  columns = found;
  offerCount();
}

const columnsOf = async (address) => (await callApi(`${address}/schema`, { query: { distinct: true } })).columns;
const isCounted = () => !columns.length || columns.some(({ distinct }) => distinct !== null);
const isQuick = () => (tables().find((one) => one.key === body.table_key)?.row_count ?? Infinity) * columns.length <= data.quick_cells;

/** Offer the count of a large table, where a step has groups. */
function offerCount() {
  const hasGroups = body.rounds.some((round) => data.methods.find((one) => one.name === round.method)?.group_kind);
  one("#distinct-offer").hidden = isCounted() || isQuick() || !hasGroups;
}

one("#count-distinct").addEventListener("click", async ({ target }) => {
  target.disabled = true;
  try {
    await countDistinct();
    showRounds();
    changed();
  } catch (problem) { reportProblem(problem); }
  target.disabled = false;
});

async function loadColumns() {
  try {
    columns = await columnsOf(table());
  } catch (problem) {
    columns = [];
    reportProblem(problem);
  }
  showAmount();
  showRounds();
  changed();
  if (isCounted() || !isQuick()) return;
  // Without the counts the form works, too. They don't replace fields that the user is filling in.
  await countDistinct().catch(() => {});
  if (!isTouched) showRounds();
}

/** The columns of numbers whose sums may be stated. */
function showAmount() {
  const numbers = columns.filter(isNumber).map((column) => column.name);
  if (columns.length && !numbers.includes(body.amount_column)) delete body.amount_column;
  fill(one("#amount_column"), h("option", { value: "" }, "none"),
    numbers.map((name) => h("option", { value: name, selected: name === body.amount_column }, name)));
}

function showRounds(focus) {
  const count = body.rounds.length;
  regroups = [];
  fill(one("#rounds"), body.rounds.map((round, place) => roundForm(context, round, place, {
    isOnly: count === 1,
    remove: count > 1 ? () => { body.rounds.splice(place, 1); showRounds(); changed(); } : null,
    up: place > 0 ? () => move(place, place - 1) : null,
    down: place < count - 1 ? () => move(place, place + 1) : null,
    copy: count < data.max_rounds ? () => {
      body.rounds.splice(place + 1, 0, structuredClone(round));
      showRounds(`rounds.${place + 1}.method`);
      changed();
    } : null,
  })));
  one("#add-round").disabled = count >= data.max_rounds;
  offerCount();
  if (focus) one(`[data-loc="${CSS.escape(focus)}"]`)?.focus();
}

function move(from, to) {
  const [round] = body.rounds.splice(from, 1);
  body.rounds.splice(to, 0, round);
  showRounds(`rounds.${to}.method`);
  changed();
}

/** The request body: steps numbered, empty values removed. */
function request() {
  const rounds = body.rounds.map((round, place) => ({ ...round, round_number: place + 1 }));
  const whole = { ...body, rounds };
  for (const name of Object.keys(whole)) if (whole[name] === "" || whole[name] === null || whole[name] === false) delete whole[name];
  return whole;
}

/** The unchanged form, which isn’t stored as a draft. */
let untouched = null;
let isTouched = Boolean(draft.body);
for (const type of ["input", "change", "click", "keydown", "pointerdown"]) {
  one("#draw").addEventListener(type, () => { isTouched = true; }, { capture: true });
}

function changed() {
  const design = JSON.stringify(proposals ? { ...body, output_name: "" } : body);
  if (!isTouched) untouched = design;
  else draft.save(design === untouched ? null : body);
  key = newKey();
  requests += 1;
  showCode({ path: `${sampling}/jobs`, body: request() });
  one("#plan").setAttribute("aria-busy", "true");
  plan();
}

const plan = debounce(async () => {
  if (one("#rounds [data-counting]")) return; // the sizes of its groups follow
  const refused = refusals();
  if (refused.length) {
    planned = null;
    showProblem({ errors: refused });
    one("#plan").removeAttribute("aria-busy");
    return;
  }
  const [missing] = missingFields();
  if (missing) {
    requests += 1;
    planned = null;
    clearMarks();
    fill(one("#plan"), h("p", { class: "soft" }, chooseText(missing.name, missing.label))).removeAttribute("aria-busy");
    return;
  }
  const turn = (requests += 1);
  try {
    const answer = await callApi(`${sampling}/plan`, { json: request() });
    if (turn !== requests) return;
    planned = answer;
    clearMarks();
    showPlan(one("#plan"), answer, body.rounds);
    if (proposals && proposals < MAX_PROPOSALS && (answer.output_ref_taken || answer.earlier_job_id)) { propose(); changed(); return; }
    if (answer.output_ref_taken) one("#plan").prepend(mark([nameTaken(answer.output_ref)], body.rounds.length));
  } catch (problem) {
    if (turn !== requests) return;
    planned = null;
    showProblem(problem);
    if (!problem.status) setTimeout(() => { if (turn === requests) plan(); }, RETRY_MS);
  } finally {
    if (turn === requests) one("#plan").removeAttribute("aria-busy");
  }
}, 350);

/** Required fields that are empty, with their labels. */
function missingFields() {
  return body.rounds.flatMap((round, place) => {
    const method = data.methods.find((one) => one.name === round.method);
    return (method?.parameters ?? []).filter((one) => one.required && one.column && !round.parameters[one.name]?.length)
      .map(({ name, label }) => ({ name, label, loc: `rounds.${place}.parameters.${name}` }));
  });
}

/** Names that the form proposes until the user types one: the dataset and the day, with a number if taken. */
let proposals = 0;
let stem = nameOfToday();
function nameOfToday() {
  const day = new Date();
  const date = [day.getFullYear(), day.getMonth() + 1, day.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
  return `${refName(data.dataset_name).slice(0, 60)}-${date}`;
}
function propose() {
  proposals += 1;
  body.output_name = `${stem}${proposals > 1 ? `-${proposals}` : ""}`;
  one("#output_name").value = body.output_name;
  one("#saved-as").textContent = "";
}

/** A name as part of a version's name: "Q1: AP review" → "Q1-AP-review". */
function refName(text) {
  return text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").replace(/[^A-Za-z0-9_.-]+/g, "-").replace(/^-+|-+$/g, "");
}

const nameTaken = (ref) => ({ loc: ["body", "output_name"], msg: `A sample named ${ref.replace(/^smpl-/, "")} exists already. Choose another name.` });

/** Show errors next to their fields, and a summary in place of the plan. */
function showProblem(problem) {
  clearMarks();
  const unreachable = "The server does not respond. Retrying.";
  fill(one("#plan"), problem.errors?.length ? mark(problem.errors, body.rounds.length) : note([problem.status ? problem.message : unreachable]));
}

one("#source_ref").addEventListener("change", ({ target }) => { body.source_ref = target.value; showSource(); loadColumns(); });
one("#table_key").addEventListener("change", ({ target }) => { body.table_key = target.value; loadColumns(); });
one("#add-round").addEventListener("click", () => {
  const added = { method: data.methods[0].name, parameters: { sample_size: 100 } };
  setFilters(added, null, partsOf(body.rounds[0]));
  body.rounds.push(added);
  showRounds(`rounds.${body.rounds.length - 1}.method`);
  changed();
});
one("#output_name").addEventListener("input", (event) => {
  const typed = event.target.value.trim();
  proposals = 0;
  body.output_name = refName(typed);
  one("#saved-as").textContent = body.output_name === typed ? "" : `Saved as ${body.output_name || "the job’s id"}.`;
  changed();
});
for (const [id, type, set] of [
  ["commit_message", "input", ({ value }) => { body.commit_message = value.trim(); }],
  ["amount_column", "change", ({ value }) => { body.amount_column = value; showRounds(); }],
  ["allow_empty", "change", ({ checked }) => { body.allow_empty = checked; }],
  ["export_residual", "change", ({ checked }) => { body.export_residual = checked; }],
  ["batch", "change", ({ checked }) => { body.priority = checked ? "batch" : ""; }],
]) one(`#${id}`).addEventListener(type, ({ target }) => { set(target); changed(); });

one("#draw").addEventListener("submit", async (event) => {
  event.preventDefault();
  one("#submit").disabled = true;
  await settled();
  one("#submit").disabled = false;
  const [missing] = missingFields();
  const invalid = one("#draw [aria-invalid]") ?? (missing && one(`[data-loc="${CSS.escape(missing.loc)}"]`));
  if (invalid) {
    reveal(invalid);
    return;
  }
  if (planned && planned.total_rows > MANY_ROWS
    && !(await confirmed(`Draw ${number(planned.total_rows)} rows?`))) return;
  one("#submit").disabled = true;
  try {
    draft.save(body);
    const job = await callApi(`${sampling}/jobs`, { json: request(), headers: { "Idempotency-Key": key } });
    draft.markDrawn();
    await ended(job.job_id);
    location.assign(`/jobs/${job.job_id}`);
  } catch (problem) {
    one("#submit").disabled = false;
    if (problem.status === 409) plan(); // the plan shows a taken name next to its field
    else if (problem.status === 422) { showProblem(problem); revealFirst(); }
    if (problem.status !== 422) reportProblem(problem);
  }
});
one("#register").addEventListener("click", async ({ target }) => {
  target.disabled = true;
  await settled();
  try {
    const { output_name: name = "", commit_message: purpose = "", draw_version: _, ...design } = request();
    const { registered } = await callApi(`${sampling}/plan`, { json: { ...design, commit: true } });
    location.assign(urlWith(`/datasets/${data.dataset_id}/plans/${registered.plan_id}`, { name: proposals ? "" : name, purpose }));
  } catch (problem) {
    if (problem.status === 422) { showProblem(problem); revealFirst(); }
    else reportProblem(problem);
  } finally {
    target.disabled = false;
  }
});
function revealFirst() {
  const invalid = one("#draw [aria-invalid]");
  if (invalid) reveal(invalid);
}
document.addEventListener("session-renewed", () => plan());
/** Wait until the sizes and the plan are those of the present fields. */
async function settled() {
  while (one("#plan").hasAttribute("aria-busy")) await new Promise((resolve) => setTimeout(resolve, 50));
}
/** Wait a moment for the end of a job, so that a short draw opens the finished sample. */
async function ended(job) {
  one("#submit").textContent = "Drawing…";
  const until = Date.now() + WAIT_MS;
  while (Date.now() < until) {
    const { status } = await callApi(`/api/jobs/${job}`).catch(() => ({ status: "failed" }));
    if (["completed", "failed"].includes(status)) return;
    await new Promise((resolve) => setTimeout(resolve, ASK_MS));
  }
}
window.addEventListener("pageshow", (event) => { if (event.persisted) { one("#submit").disabled = false; one("#submit").textContent = "Draw sample"; plan(); } });

const showEarlier = earlierForm(() => body.rounds, () => { changed(); context.regroup(); });
function showBody() {
  showEarlier();
  one("#output_name").value = body.output_name ?? "";
  one("#commit_message").value = body.commit_message ?? "";
  one("#export_residual").checked = Boolean(body.export_residual);
  one("#allow_empty").checked = Boolean(body.allow_empty);
  one("#batch").checked = body.priority === "batch";
  showSource();
  loadColumns();
}

// Templates: designs without a source.
let templates = [];
async function loadTemplates() {
  ({ templates } = await callApi("/api/sampling/templates", { query: { limit: 500 } }));
  fill(one("#template"), h("option", { value: "" }, templates.length ? "Start from a template…" : "No templates"),
    templates.map((template) => h("option", { value: template.id }, template.name)));
}
one("#template").addEventListener("change", (event) => {
  const chosen = templates.find((template) => String(template.id) === event.target.value);
  if (!chosen) return;
  body = { ...structuredClone(chosen.body), source_ref: body.source_ref, table_key: body.table_key, output_name: "" };
  stem = nameOfToday();
  proposals = 0;
  propose();
  showBody();
});
one("#save-template").addEventListener("click", () => {
  let taken = null; // the id of the template that has the name
  const save = h("button", { class: "main" }, "Save template");
  const hint = h("p", { role: "status", hidden: true });
  const ask = (id, text = "") => {
    taken = id;
    hint.hidden = id === null;
    hint.textContent = text;
    save.textContent = id === null ? "Save template" : "Replace template";
  };
  const name = h("input", { id: "template-name", required: true, autocomplete: "off", oninput: () => ask(null) });
  const dialog = h("dialog", { "aria-labelledby": "save-title" },
    h("h2", { id: "save-title" }, "Save as template"),
    h("form", { class: "stack", onsubmit: async (event) => {
      event.preventDefault();
      try {
        const path = taken === null ? "/api/sampling/templates" : `/api/sampling/templates/${taken}`;
        await callApi(path, { method: taken === null ? "POST" : "PATCH", json: { name: name.value.trim(), body: request() } });
        dialog.close();
        notify(`Template ${name.value.trim()} saved.`);
        loadTemplates();
      } catch (problem) {
        const other = problem.status === 409 && taken === null ? problem.errors[0]?.parameters : null;
        if (!other?.id) return reportProblem(problem);
        ask(other.id, `You have a template "${other.name}". Replace it, or enter another name.`);
      }
    } }, h("div", {}, h("label", { for: "template-name" }, "Template name"), name), hint,
      h("div", { class: "row end" }, h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), save)));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
});

if (!draft.body && !body.output_name) propose();
if (draft.isLeftOver) {
  one("#left-over").hidden = false;
  one("#discard").addEventListener("click", () => { draft.discard(); location.replace(location.href); });
  const name = body.output_name ?? "";
  if (name && !name.startsWith(stem)) stem = name.slice(0, 85);
  proposals = 1; // a name taken meanwhile is replaced
}
showBody();
loadTemplates().catch(reportProblem);
