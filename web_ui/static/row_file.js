// A form with a file about rows of a sample and its key: preview it, then store it.

import { callApi } from "./api.js";
import { fill, h, one } from "./dom.js";
import { reportProblem } from "./notices.js";

/** The file and the key as a form for the API. */
function fieldsOf(form) {
  const data = new FormData();
  data.append("file", one('[name="file"]', form).files[0]);
  data.append("key", JSON.stringify([...form.querySelectorAll('[name="key"]')].map((each) => each.value).filter(Boolean)));
  return data;
}

/**
 * Preview the file after each change of the form, and store it on submit.
 * @param {HTMLFormElement} form its only submit button is disabled until a preview has no problem
 * @param {object} parts
 * @param {string} parts.path of the API; the preview is below it
 * @param {HTMLElement} parts.result where the preview is shown
 * @param {(found: object) => (Node|null)[]} parts.shown the nodes of a preview
 * @param {(found: object) => boolean} [parts.storable] whether there is something to store
 * @param {(stored: object) => void} parts.stored goes on after the file is stored
 */
export function connectRowFile(form, { path, result, shown, storable = () => true, stored }) {
  const button = one('[type="submit"]', form);
  let current = null;

  function show(found) {
    fill(result, found.problem && h("div", { class: "note bad", role: "alert" }, h("p", {}, found.problem)), shown(found),
      found.notes.map((note) => h("p", { class: "soft" }, note)));
    button.disabled = Boolean(found.problem) || !storable(found);
  }

  async function preview() {
    current?.abort();
    button.disabled = true;
    fill(result);
    if (!one('[name="file"]', form).files.length) return;
    current = new AbortController();
    fill(result, h("p", { class: "soft" }, "Reading the file …"));
    try {
      show(await callApi(`${path}/preview`, { method: "POST", body: fieldsOf(form), signal: current.signal }));
    } catch (error) {
      if (error.name === "AbortError") return;
      fill(result);
      reportProblem(error);
    }
  }

  form.addEventListener("change", preview);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      stored(await callApi(path, { method: "POST", body: fieldsOf(form) }));
    } catch (error) {
      button.disabled = false;
      reportProblem(error);
    }
  });
}

/** One figure of a preview. */
export function figure(title, count, first) {
  return h("div", { class: "figure" }, h("dt", {}, title), h("dd", {}, count.toLocaleString("en")), first && h("dd", {}, first));
}
