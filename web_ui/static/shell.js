// The script of every page: local times, theme, keyboard shortcuts, palette.

import { all, one } from "./dom.js";
import { localTime, ownZone } from "./format.js";
import "./forms.js";
import { openHelp, openPalette } from "./palette.js";
import "./request_code.js";
import { setCookie } from "./zone.js";

// Clear the tab's session, such as drafts, at sign-out and when the user changes.
const user = one("meta[name=user]").content;
if (sessionStorage.getItem("user") !== user) {
  sessionStorage.clear();
  sessionStorage.setItem("user", user);
}
one("form[action='/sign-out']").addEventListener("submit", () => sessionStorage.clear());

// The server used the zone of the cookie, which may be outdated; relative times age.
const showTimes = () => all("time[datetime]").forEach(localTime);
showTimes();
for (const name of all("[data-own-zone]")) name.textContent = ownZone();
setInterval(showTimes, 60000);

one("#theme")?.addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  setCookie("theme", root.dataset.theme);
});
one("#palette-button")?.addEventListener("click", openPalette);
one("#help-button")?.addEventListener("click", openHelp);

// Close an open menu on a click outside of it.
document.addEventListener("click", (event) => {
  for (const menu of all("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

const isField = (target) => target.closest?.("input, textarea, select, [contenteditable]");
let prefix = "";

// On a narrow page the tabs scroll: show the present one.
one(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
    return;
  }
  if (event.key === "Escape") for (const menu of all("details.menu[open]")) menu.open = false;
  if (event.ctrlKey || event.metaKey || event.altKey || isField(event.target) || one("dialog[open]")) return;
  const chord = prefix + event.key;
  prefix = event.key === "g" ? "g" : "";
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
