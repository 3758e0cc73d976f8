// The command palette (Ctrl-K) and the help sheet (?), made of what the page itself offers.

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

async function found(words) {
  if (words.length < 2) return [];
  const { datasets } = await ask("/api/datasets", { query: { q: words, limit: 8 } });
  const hits = datasets.map((dataset) => ({
    text: `Dataset ${dataset.name}`,
    run: () => location.assign(`/datasets/${dataset.id}`),
  }));
  if (/^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(words)) {
    hits.unshift({ text: `Job ${words}`, run: () => location.assign(`/jobs/${words}`) });
  }
  return hits;
}

export function openPalette() {
  const list = h("ul", { class: "options", id: "palette-options", role: "listbox", "aria-label": "Commands" });
  const input = h("input", {
    type: "search", role: "combobox", "aria-expanded": "true", "aria-controls": "palette-options",
    "aria-label": "What to do or find", placeholder: "Type a command, a dataset or a job's id", autocomplete: "off",
  });
  const dialog = h("dialog", { "aria-label": "Commands" }, input, list);
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
  const show = (items) => {
    shown = items;
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
    const hits = await found(input.value.trim()).catch(() => []);
    if (turn === asked) show([...matching(), ...hits]);
  }, 150);

  input.addEventListener("input", () => { show(matching()); search(); });
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
  const rows = [["?", "This sheet"], ["Ctrl K", "Commands, datasets and jobs"], ["/", "Search on this page"], ...keys];
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
