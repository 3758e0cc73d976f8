// The form that draws a registered plan with a seed.

import { callApi, newKey } from "./api.js";
import { all, h, one } from "./dom.js";
import { clearMarks, mark } from "./forms.js";
import { reportProblem } from "./notices.js";
import { localTime } from "./format.js";

const form = one("#plan-seed");
const field = (name) => form.elements[name];
const key = newKey();

/** The chosen beacon's round: a plan is drawn with the first one after its registration. */
const chosen = () => field("chain").selectedOptions[0].dataset;

/** Whether a round signs the one before. */
const isChained = () => "chained" in chosen();

function showKind() {
  for (const part of all("[data-kind]", form)) part.hidden = part.dataset.kind !== field("kind").value;
}

function showRound() {
  const time = h("time", { datetime: chosen().time, "data-exact": true });
  localTime(time);
  one("#round").replaceChildren(`Round ${chosen().round}, the first one after the registration, is published at `, time, ".");
  one("#previous").hidden = !isChained();
}

function seed() {
  const text = (name) => field(name).value.trim();
  const kinds = {
    beacon: () => ({ beacon: { chain: text("chain"), round: Number(chosen().round), signature: text("signature").toLowerCase(), previous_signature: isChained() ? text("previous_signature").toLowerCase() : undefined } }),
    dice: () => ({ dice: { digits: text("digits").replace(/\s/g, ""), witnesses: text("witnesses").split("\n").map((name) => name.trim()).filter(Boolean) } }),
    plain: () => text("seed") || undefined,
  };
  return kinds[field("kind").value]();
}

form.addEventListener("change", (event) => {
  if (event.target.name === "kind") showKind();
  if (event.target.name === "chain") showRound();
});

one("#fetch")?.addEventListener("click", async ({ target }) => {
  target.disabled = true;
  try {
    const answer = await fetch(`${target.dataset.url}/${field("chain").value}/public/${chosen().round}`);
    if (!answer.ok) throw new Error(`The beacon answered with status ${answer.status}. Its round may not be published yet.`);
    const round = await answer.json();
    field("signature").value = round.signature;
    field("previous_signature").value = round.previous_signature ?? "";
  } catch (problem) {
    reportProblem(problem instanceof TypeError ? new Error("The beacon does not respond.") : problem);
  } finally {
    target.disabled = false;
  }
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clearMarks(form);
  const button = one("button[type=submit]", form);
  button.disabled = true;
  const json = { plan_id: form.dataset.plan, seed: seed(), output_name: field("output_name").value.trim() || undefined, commit_message: field("commit_message").value.trim() || undefined };
  try {
    const job = await callApi(form.dataset.path, { json, headers: { "Idempotency-Key": key } });
    location.assign(`/jobs/${job.job_id}`);
  } catch (problem) {
    const errors = (problem.errors ?? []).map((error) => (error.loc.at(-1) === "round" ? { ...error, loc: ["chain"] } : error));
    if (!mark(form, errors)) reportProblem(problem);
    button.disabled = false;
  }
});

showKind();
showRound();
