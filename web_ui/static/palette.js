// The command palette (Ctrl-K) and the help sheet (?), made of what the page itself offers, and of
// what the API finds: datasets by their names, refs of the dataset at hand, a job by its id's first digits.

import { ask } from "./api.js";
import { afterQuiet, all, fill, h, one } from "./dom.js";

/** Everything on the page that has a data-command: what the palette offers first. */
function commands() {
  return all("[data-command]").map((element) => ({
    text: element.dataset.command,
    key: element.dataset.key ?? "",
    run: () => element.click(),
  }));
}

const MOST = 8;
const JOB = /^[0-9a-f]{8}[0-9a-f-]{0,28}$/;
const leads = (text, where) => ({ text, run: () => location.assign(where) });

async function datasetsFound(words) {
  const { datasets } = await ask("/api/datasets", { query: { q: words, limit: MOST } });
  return datasets.map((dataset) => leads(`Dataset ${dataset.name}`, `/datasets/${dataset.id}`));
}

async function jobFound(words) {
  if (!JOB.test(words)) return [];
  try {
    const job = await ask(`/api/jobs/${words}`);
    return [leads(`Job ${job.run_type} ${job.id.slice(0, 8)} of ${job.dataset_name}`, `/jobs/${job.id}`)];
  } catch (problem) {
    if (problem.status === 404) return [];
    throw problem;
  }
}

/** The number of the dataset that the page is about, if it is about one. */
function datasetHere() {
  const places = [location.pathname, one('.trail a[href^="/datasets/"]')?.getAttribute("href") ?? ""];
  return places.map((place) => place.match(/^\/datasets\/(\d+)/)?.[1]).find(Boolean);
}

let refsHere;
async function refsFound(words) {
  const dataset = datasetHere();
  if (!dataset) return [];
  refsHere ??= (await ask(`/api/datasets/${dataset}/refs`, { query: { limit: 1000 } })).refs;
  return refsHere.map((ref) => ref.name).filter((name) => name.toLowerCase().includes(words.toLowerCase())).slice(0, MOST)
    .map((name) => leads(`Ref ${name} of this dataset`, `/datasets/${dataset}?ref=${encodeURIComponent(name)}`));
}

async function found(words) {
  if (words.length < 2) return [];
  return (await Promise.all([jobFound(words.toLowerCase()), refsFound(words), datasetsFound(words)])).flat();
}

export function openPalette() {
  const list = h("ul", { class: "options", id: "palette-options", role: "listbox", "aria-label": "Commands" });
  const input = h("input", {
    type: "search", role: "combobox", "aria-expanded": "true", "aria-controls": "palette-options",
    "aria-label": "What to do or find", placeholder: "Type a command, a dataset, a ref or a job's id", autocomplete: "off",
  });
  const note = h("p", { class: "soft", role: "status" });
  const dialog = h("dialog", { "aria-label": "Commands" }, input, list, note);
  let shown = [];
  let chosen = 0;
  let asked = 0;

  const choose = (place) => {
    chosen = Math.max(0, Math.min(place, shown.length - 1));
    [...list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === chosen)));
    list.children[chosen]?.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", shown.length ? `palette-${chosen}` : "");
  };
  const run = () => {
    const command = shown[chosen];
    dialog.close();
    command?.run();
  };
  const show = (items, missing) => {
    shown = items;
    list.hidden = !items.length;
    input.setAttribute("aria-expanded", String(Boolean(items.length)));
    note.textContent = items.length ? "" : missing;
    fill(list, items.map((item, index) =>
      h("li", { id: `palette-${index}`, role: "option", onclick: () => { chosen = index; run(); } },
        item.text, item.key ? [" ", h("kbd", {}, item.key)] : null)));
    choose(0);
  };
  const matching = () => {
    const words = input.value.trim().toLowerCase();
    return commands().filter((command) => command.text.toLowerCase().includes(words));
  };
  const search = afterQuiet(async () => {
    const turn = (asked += 1);
    let missing = "Nothing found.";
    const hits = await found(input.value.trim()).catch(() => { missing = "The server doesn't answer."; return []; });
    if (turn === asked) show([...matching(), ...hits], missing);
  }, 150);

  input.addEventListener("input", () => { show(matching(), "Looking …"); search(); });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen - 1);
    else if (event.key === "Enter") run();
    else return;
    event.preventDefault();
  });
  open(dialog);
  show(matching());
}

export function openHelp() {
  const keys = all("[data-key]").map((element) => [element.dataset.key, element.dataset.command ?? element.textContent.trim()]);
  const rows = [["?", "This sheet"], ["Ctrl K", "Commands, datasets, refs and jobs"], ["/", "Search on this page"], ...keys];
  open(h("dialog", { "aria-labelledby": "help-title" },
    h("h2", { id: "help-title" }, "Keys"),
    h("table", {}, h("tbody", {}, rows.map(([key, text]) =>
      h("tr", {}, h("td", {}, [...key.split(/(?<=^g)(?=.)/)].map((part) => [h("kbd", {}, part), " "])), h("td", {}, text))))),
    h("form", { method: "dialog", class: "row end" }, h("button", { class: "main" }, "Close"))));
}

function open(dialog) {
  if (one("dialog[open]")) return;
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
}
