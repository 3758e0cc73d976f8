// The command palette (Ctrl-K) and the help sheet (?). They list the page's data-command elements; the
// palette also finds datasets by name, versions of the current dataset, and a job by the start of its id.

import { callApi } from "./api.js";
import { all, debounce, fill, h, one } from "./dom.js";

/** The commands of the page. */
function commands() {
  return all("[data-command]").map((element) => ({
    text: element.dataset.command,
    key: element.dataset.key ?? "",
    run: () => element.click(),
  }));
}

const MAX_HITS = 8;
const JOB_ID = /^[0-9a-f]{8}[0-9a-f-]{0,28}$/;
const link = (text, url) => ({ text, run: () => location.assign(url) });

async function findDatasets(words) {
  const { datasets } = await callApi("/api/datasets", { query: { q: words, limit: MAX_HITS } });
  return datasets.map((dataset) => link(`Dataset ${dataset.name}`, `/datasets/${dataset.id}`));
}

async function findJob(words) {
  if (!JOB_ID.test(words)) return [];
  try {
    const job = await callApi(`/api/jobs/${words}`);
    return [link(`Job ${job.run_type} ${job.id.slice(0, 8)} of ${job.dataset_name}`, `/jobs/${job.id}`)];
  } catch (problem) {
    if (problem.status === 404) return [];
    throw problem;
  }
}

/** The id of the page's dataset, if it has one. */
function currentDataset() {
  const places = [location.pathname, one('.trail a[href^="/datasets/"], .lead a[href^="/datasets/"]')?.getAttribute("href") ?? ""];
  return places.map((place) => place.match(/^\/datasets\/(\d+)/)?.[1]).find(Boolean);
}

let refs;
async function findRefs(words) {
  const dataset = currentDataset();
  if (!dataset) return [];
  refs ??= (await callApi(`/api/datasets/${dataset}/refs`, { query: { limit: 1000 } })).refs;
  return refs.map((ref) => ref.name).filter((name) => name.toLowerCase().includes(words.toLowerCase())).slice(0, MAX_HITS)
    .map((name) => link(`Version ${name} of this dataset`, `/datasets/${dataset}?ref=${encodeURIComponent(name)}`));
}

async function find(words) {
  if (words.length < 2) return [];
  return (await Promise.all([findJob(words.toLowerCase()), findRefs(words), findDatasets(words)])).flat();
}

export function openPalette() {
  const list = h("ul", { class: "options", id: "palette-options", role: "listbox", "aria-label": "Commands" });
  const input = h("input", {
    type: "search", role: "combobox", "aria-expanded": "true", "aria-controls": "palette-options",
    "aria-label": "Command or search", placeholder: "Command, dataset, version or job id", autocomplete: "off",
  });
  const note = h("p", { class: "soft", role: "status" });
  const dialog = h("dialog", { "aria-label": "Commands" }, input, list, note);
  let shown = [];
  let chosen = 0;
  let searches = 0;

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
  const search = debounce(async () => {
    const turn = (searches += 1);
    let missing = "No results.";
    const hits = await find(input.value.trim()).catch(() => { missing = "The server does not respond."; return []; });
    if (turn === searches) show([...matching(), ...hits], missing);
  }, 150);

  input.addEventListener("input", () => { show(matching(), "Searching…"); search(); });
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
  const rows = [["?", "Show keyboard shortcuts"], ["Ctrl K", "Search commands, datasets, versions and jobs"], ["/", "Go to the search field"], ...keys];
  open(h("dialog", { "aria-labelledby": "help-title" },
    h("h2", { id: "help-title" }, "Keyboard shortcuts"),
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
