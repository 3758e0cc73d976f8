// What is said to the reader in passing, also to one who listens.

import { h } from "./dom.js";

/** Say something in the corner; bad news stays until it is put away. */
export function say(text, kind = "good") {
  const corner = document.getElementById("toasts");
  const note = h("div", { class: `note ${kind}`, role: kind === "bad" ? "alert" : "status" },
    h("div", { class: "row" }, h("span", {}, text),
      h("button", { class: "plain", type: "button", "aria-label": "Put away", onclick: () => note.remove() }, "✕")));
  corner.append(note);
  if (kind !== "bad") setTimeout(() => note.remove(), 6000);
}

/** Say what went wrong, with the id under which the server's log has it. */
export function tell(problem) {
  if (problem.name === "AbortError") return;
  const silent = problem instanceof TypeError;
  const id = problem.status >= 500 && problem.requestId ? ` (request ${problem.requestId})` : "";
  say(silent ? "The server doesn't answer. Is it running?" : `${problem.message}${id}`, "bad");
}

/** Say it for screen readers alone. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}
