// The command palette (Ctrl-K) and the help sheet (?). They list the page's data-command elements; the
// palette also finds datasets, samples, saved queries, versions, jobs and rows by the API's search.

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

const KINDS = { dataset: "Dataset", sample: "Sample", query: "Saved query", version: "Version", job: "Job", row: "Row" };

/** The page of a result of the search. */
function addressOf(hit) {
  if (hit.kind === "row") return `/jobs/${hit.job_id}?tab=why&value=${encodeURIComponent(hit.row_id)}`;
  if (hit.kind !== "version" && hit.job_id) return `/jobs/${hit.job_id}`;
  const version = hit.ref_name ?? hit.commit_id;
  return `/datasets/${hit.dataset_id}${version ? `?ref=${encodeURIComponent(version)}` : ""}`;
}

function option(hit) {
  const name = hit.kind === "row" ? `${hit.row_name} in ${hit.name}` : hit.name;
  const about = [hit.purpose, hit.kind === "dataset" ? null : hit.dataset_name].filter(Boolean).join(" · ");
  const kind = hit.kind === "job" ? `${KINDS.job}, ${hit.job_kind}` : KINDS[hit.kind];
  return { kind, text: name, about, run: () => location.assign(addressOf(hit)) };
}

async function find(words) {
  if (words.length < 2) return [];
  return (await callApi("/api/search", { query: { q: words.slice(0, 200), limit: 8 } })).results.map(option);
}

export function openPalette() {
  const list = h("ul", { class: "options", id: "palette-options", role: "listbox", "aria-label": "Commands" });
  const input = h("input", {
    type: "search", role: "combobox", "aria-expanded": "true", "aria-controls": "palette-options",
    "aria-label": "Command or search", placeholder: "Name, purpose, id, row such as primary:17, or command", autocomplete: "off",
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
        item.kind ? [h("span", { class: "kind" }, item.kind), " "] : null, item.text,
        item.about ? [" ", h("span", { class: "soft" }, item.about)] : null, item.key ? [" ", h("kbd", {}, item.key)] : null)));
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
  const answers = all("[data-answer-key]:not(input)").filter((element) => element.checkVisibility()).map((element) => [element.dataset.answerKey, element.firstChild.textContent]);
  const rows = [["?", "Show keyboard shortcuts"], ["Ctrl K", "Search datasets, samples, jobs and commands"], ["/", "Go to the search field"], ...answers, ...keys];
  open(h("dialog", { "aria-labelledby": "help-title" },
    h("h2", { id: "help-title" }, "Keyboard shortcuts"),
    h("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Shortcuts" }, h("table", {}, h("tbody", {}, rows.map(([key, text]) =>
      h("tr", {}, h("td", {}, key.split(/(?<=^g)(?=.)/).map((part) => [h("kbd", {}, part), " "])), h("td", {}, text)))))),
    h("form", { method: "dialog", class: "row end" }, h("button", { class: "main" }, "Close"))));
}

function open(dialog) {
  if (one("dialog[open]")) return;
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
}
