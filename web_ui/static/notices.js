// Notices in the corner of the page, and announcements to screen readers.

import { h } from "./dom.js";

/** Show a notice. Errors stay until they are dismissed. */
export function notify(text, kind = "good") {
  const toasts = document.getElementById("toasts");
  const note = h("div", { class: `note ${kind}`, role: kind === "bad" ? "alert" : "status" },
    h("div", { class: "row" }, h("span", {}, text),
      h("button", { class: "plain", type: "button", "aria-label": "Dismiss notice", onclick: () => note.remove() }, "✕")));
  toasts.append(note);
  if (kind !== "bad") setTimeout(() => note.remove(), 6000);
}

/** Show an error, with the request id if the server failed. */
export function reportProblem(problem) {
  if (problem.name === "AbortError") return;
  const unreachable = problem instanceof TypeError;
  const id = problem.status >= 500 && problem.requestId ? ` (request ${problem.requestId})` : "";
  notify(unreachable ? "The server does not respond. Is it running?" : `${problem.message}${id}`, "bad");
}

/** Announce a text to screen readers. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}
