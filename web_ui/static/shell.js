// What every page has: times in the reader's zone, themes, keys, the help sheet, the palette.

import { all, one } from "./dom.js";
import { localTime, zoneTold } from "./format.js";
import "./forms.js";
import { openHelp, openPalette } from "./palette.js";
import { remember } from "./zone.js";

// What a tab keeps, such as the draft of a draw, is one user's, and only until they sign out.
const user = one("meta[name=user]").content;
if (sessionStorage.getItem("user") !== user) {
  sessionStorage.clear();
  sessionStorage.setItem("user", user);
}
one("form[action='/sign-out']").addEventListener("submit", () => sessionStorage.clear());

// They are right already, unless the reader's zone has changed since the last page.
all("time[datetime]").forEach(localTime);
one("#zone > span").textContent = zoneTold();

one("#theme")?.addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  remember("theme", root.dataset.theme);
});
one("#palette-button")?.addEventListener("click", openPalette);
one("#help-button")?.addEventListener("click", openHelp);

// A menu closes when the reader goes elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of all("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");
let before = "";

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
    return;
  }
  if (event.key === "Escape") for (const menu of all("details.menu[open]")) menu.open = false;
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || one("dialog[open]")) return;
  const chord = before + event.key;
  before = event.key === "g" ? "g" : "";
  if (event.key === "?") openHelp();
  else if (event.key === "/") {
    const search = one("[data-search]");
    if (search) search.focus();
    else openPalette();
    event.preventDefault();
  } else {
    const link = one(`[data-key="${CSS.escape(chord)}"]`);
    if (link) {
      event.preventDefault();
      link.click();
    }
  }
});
