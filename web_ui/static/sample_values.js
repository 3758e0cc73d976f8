// Upload values of a sample's rows: choose a file, see how its rows match, store it.

import { callApi } from "./api.js";
import { fill, h, one } from "./dom.js";
import { reportProblem } from "./notices.js";

const form = one("#values");
const match = one("#match");
const store = one("#store");
let current = null;

const PARTS = [
  ["without_key", "rows of the file without a key"],
  ["repeated", "keys in several rows of the file"],
  ["ambiguous", "keys of several sampled rows"],
  ["unmatched", "rows of the file that no sampled row has"],
  ["unanswered", "sampled rows that the file lacks"],
];

/** The file and the key as a form for the API. */
function fields() {
  const data = new FormData();
  data.append("file", one("#file").files[0]);
  data.append("key", JSON.stringify([one("#key").value, one("#then").value].filter(Boolean)));
  return data;
}

function send(path, signal) {
  return callApi(`/api/sampling/jobs/${form.dataset.job}/values${path}`, { method: "POST", body: fields(), signal });
}

function figure(title, count, first) {
  return h("div", { class: "figure" }, h("dt", {}, title), h("dd", {}, count.toLocaleString("en")), first && h("dd", {}, first));
}

function listOf(found) {
  const parts = PARTS.filter(([name]) => found[name].count);
  return parts.map(([name, title]) => h("p", {}, h("strong", {}, found[name].count.toLocaleString("en")), ` ${title}: `,
    found[name].first.join("; "), found[name].count > found[name].first.length ? " …" : ""));
}

function show(found) {
  fill(match,
    found.problem && h("div", { class: "note bad", role: "alert" }, h("p", {}, found.problem)),
    h("dl", { class: "figures" },
      figure("Rows matched", found.matched, `of ${found.rows.toLocaleString("en")} in the file`),
      figure("Sampled rows without values", found.unanswered.count)),
    listOf(found),
    h("p", {}, "Columns of values: ", found.columns.map((each) => `${each.name} (${each.type}${each.missing ? `, ${each.missing.toLocaleString("en")} missing` : ""})`).join(", ")),
    found.notes.map((note) => h("p", { class: "soft" }, note)));
  store.disabled = Boolean(found.problem);
}

async function preview() {
  current?.abort();
  store.disabled = true;
  fill(match);
  if (!one("#file").files.length) return;
  current = new AbortController();
  fill(match, h("p", { class: "soft" }, "Reading the file …"));
  try {
    show(await send("/preview", current.signal));
  } catch (error) {
    if (error.name === "AbortError") return;
    fill(match);
    reportProblem(error);
  }
}

form.addEventListener("change", preview);
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  store.disabled = true;
  try {
    const { number } = await send("");
    location.assign(`/jobs/${form.dataset.job}?tab=estimates&values=${number}`);
  } catch (error) {
    store.disabled = false;
    reportProblem(error);
  }
});
