// The draw that is put together: one state, the API's own body, shown by three parts.

import { address, ask, newKey } from "./api.js";
import { afterQuiet, fill, given, h, one } from "./dom.js";
import { number } from "./format.js";
import { confirmed } from "./forms.js";
import { say, tell } from "./notices.js";
import { draftOf } from "./draw_draft.js";
import { showPlan } from "./draw_plan.js";
import { mark, note, unmark } from "./draw_problems.js";
import { roundForm } from "./draw_round.js";

const data = given("draw-data");
const draft = draftOf(`${data.dataset_id}:${location.search}`);
const MANY_ROWS = 1_000_000;
const AGAIN_MS = 1000;
let body = draft.body ?? data.body;
let columns = [];
let planned = null;
let asked = 0;
let key = newKey();

const base = `/api/datasets/${data.dataset_id}`;
const sampling = `/api/sampling/datasets/${data.dataset_id}`;

/** What the parts of a round need: the table, the choices, and whom to tell of a change. */
const context = {
  methods: data.methods,
  operators: data.operators,
  columns: () => columns,
  source: () => ({ source_ref: body.source_ref, table_key: body.table_key }),
  sampling,
  changed: () => changed(),
  redraw: (focus) => showRounds(focus),
};

const tables = () => data.refs.find((ref) => ref.name === body.source_ref)?.tables ?? [];

function showSource() {
  const refs = data.refs.map((ref) => ref.name);
  if (!refs.includes(body.source_ref)) refs.push(body.source_ref);
  fill(one("#source_ref"), refs.map((name) => h("option", { value: name, selected: name === body.source_ref }, name)));
  const keys = tables().map((table) => table.key);
  if (keys.length && !keys.includes(body.table_key)) body.table_key = keys.includes("primary") ? "primary" : keys[0];
  if (!keys.length) keys.push(body.table_key ?? "primary");
  fill(one("#table_key"), keys.map((name) => h("option", { value: name, selected: name === body.table_key }, name)));
}

const table = () => `${base}/refs/${encodeURIComponent(body.source_ref)}/tables/${encodeURIComponent(body.table_key)}`;

/** Where no profile is kept, one is made when it is wanted: of a large table it takes a while. */
one("#count-distinct").addEventListener("click", async (event) => {
  const button = event.target;
  button.disabled = true;
  button.textContent = "Counting…";
  try {
    await ask(`${table()}/analysis`);
    await loadColumns();
  } catch (problem) { tell(problem); }
  button.disabled = false;
  button.textContent = "Count them";
});

async function loadColumns() {
  try {
    columns = (await ask(`${table()}/schema`, { query: { distinct: true } })).columns;
  } catch (problem) {
    columns = [];
    tell(problem);
  }
  one("#distinct-offer").hidden = !columns.length || columns.some((column) => column.distinct !== null);
  showRounds();
  changed();
}

function showRounds(focus) {
  const count = body.rounds.length;
  fill(one("#rounds"), body.rounds.map((round, place) => roundForm(context, round, place, {
    remove: count > 1 ? () => { body.rounds.splice(place, 1); showRounds(); changed(); } : null,
    up: place > 0 ? () => move(place, place - 1) : null,
    down: place < count - 1 ? () => move(place, place + 1) : null,
    copy: count < data.most_rounds ? () => {
      body.rounds.splice(place + 1, 0, structuredClone(round));
      showRounds(`rounds.${place + 1}.method`);
      changed();
    } : null,
  })));
  one("#add-round").disabled = count >= data.most_rounds;
  if (focus) one(`[data-loc="${CSS.escape(focus)}"]`)?.focus();
}

function move(from, to) {
  const [round] = body.rounds.splice(from, 1);
  body.rounds.splice(to, 0, round);
  showRounds(`rounds.${to}.method`);
  changed();
}

/** The body as it is sent: rounds numbered, nothing empty. */
function request() {
  const rounds = body.rounds.map((round, place) => ({ ...round, round_number: place + 1 }));
  const whole = { ...body, rounds };
  for (const name of Object.keys(whole)) if (whole[name] === "" || whole[name] === null || whole[name] === false) delete whole[name];
  return whole;
}

function changed() {
  draft.keep(body);
  key = newKey();
  const text = JSON.stringify(request(), null, 2);
  one("#body").textContent = text;
  one("#curl").textContent = `curl '${data.host}${sampling}/jobs' \\\n  -H "Authorization: Bearer $JOBSVC_TOKEN" \\\n`
    + `  -H 'Content-Type: application/json' \\\n  -d '${JSON.stringify(request()).replaceAll("'", "'\\''")}'`;
  one("#plan").setAttribute("aria-busy", "true");
  plan();
}

const plan = afterQuiet(async () => {
  const turn = (asked += 1);
  try {
    const answer = await ask(`${sampling}/plan`, { json: request() });
    if (turn !== asked) return;
    planned = answer;
    unmark();
    showPlan(one("#plan"), answer);
    if (answer.output_ref_taken) one("#plan").prepend(mark([nameTaken(answer.output_ref)], body.rounds.length));
    one("#submit").disabled = answer.output_ref_taken;
  } catch (problem) {
    if (turn !== asked) return;
    planned = null;
    showProblem(problem);
    one("#submit").disabled = problem.status === 422;
    if (!problem.status) setTimeout(() => { if (turn === asked) plan(); }, AGAIN_MS);
  } finally {
    if (turn === asked) one("#plan").removeAttribute("aria-busy");
  }
}, 350);

const nameTaken = (ref) => ({ loc: ["body", "output_name"], msg: `A ref ${ref} exists already. Choose another name.` });

/** Put what is wrong beside its field, and in the plan's place what to look at. */
function showProblem(problem) {
  unmark();
  const silent = "The server doesn't answer; trying again.";
  fill(one("#plan"), problem.errors?.length ? mark(problem.errors, body.rounds.length) : note([problem.status ? problem.message : silent]));
}

one("#source_ref").addEventListener("change", (event) => { body.source_ref = event.target.value; showSource(); loadColumns(); });
one("#table_key").addEventListener("change", (event) => { body.table_key = event.target.value; loadColumns(); });
one("#add-round").addEventListener("click", () => {
  body.rounds.push({ method: "random", parameters: { sample_size: 100 } });
  showRounds(`rounds.${body.rounds.length - 1}.method`);
  changed();
});
for (const name of ["output_name", "commit_message"]) {
  one(`#${name}`).addEventListener("input", (event) => { body[name] = event.target.value.trim(); changed(); });
}
one("#export_residual").addEventListener("change", (event) => { body.export_residual = event.target.checked; changed(); });
one("#batch").addEventListener("change", (event) => { body.priority = event.target.checked ? "batch" : ""; changed(); });

one("#draw").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (planned && planned.total_rows > MANY_ROWS
    && !(await confirmed(`This draws ${number(planned.total_rows)} rows. Go on?`))) return;
  one("#submit").disabled = true;
  try {
    const job = await ask(`${sampling}/jobs`, { json: request(), headers: { "Idempotency-Key": key } });
    draft.isDrawn();
    location.assign(`/jobs/${job.job_id}`);
  } catch (problem) {
    one("#submit").disabled = false;
    if (problem.status === 409) plan(); // a name that was taken in between is told beside its field
    else if (problem.status === 422) showProblem(problem);
    if (problem.status !== 422) tell(problem);
  }
});
window.addEventListener("pageshow", (event) => { if (event.persisted) plan(); });

function showBody() {
  one("#output_name").value = body.output_name ?? "";
  one("#commit_message").value = body.commit_message ?? "";
  one("#export_residual").checked = Boolean(body.export_residual);
  one("#batch").checked = body.priority === "batch";
  showSource();
  loadColumns();
}

// Templates: a draw without its source, to start others from.
let templates = [];
async function loadTemplates() {
  ({ templates } = await ask(address("/api/sampling/templates", { limit: 500 })));
  fill(one("#template"), h("option", { value: "" }, templates.length ? "Start from a template…" : "No template yet"),
    templates.map((template) => h("option", { value: template.id }, template.name)));
}
one("#template").addEventListener("change", (event) => {
  const chosen = templates.find((template) => String(template.id) === event.target.value);
  if (!chosen) return;
  body = { ...structuredClone(chosen.body), source_ref: body.source_ref, table_key: body.table_key, output_name: "" };
  showBody();
});
one("#keep-template").addEventListener("click", () => {
  const name = h("input", { id: "template-name", required: true, maxlength: 200, autocomplete: "off" });
  const dialog = h("dialog", { "aria-labelledby": "keep-title" },
    h("h2", { id: "keep-title" }, "Keep as a template"),
    h("form", { class: "stack", onsubmit: async (event) => {
      event.preventDefault();
      try {
        await ask("/api/sampling/templates", { json: { name: name.value.trim(), body: request() } });
        dialog.close();
        say(`Kept as ${name.value.trim()}.`);
        loadTemplates();
      } catch (problem) { tell(problem); }
    } }, h("div", {}, h("label", { for: "template-name" }, "Name; an earlier one of that name is replaced"), name),
      h("div", { class: "row end" }, h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), h("button", { class: "main" }, "Keep"))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
});

showBody();
loadTemplates().catch(tell);
