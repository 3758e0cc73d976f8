// Notices in the corner of the page, and announcements to screen readers.

import { sessionState } from "./api.js";
import { h } from "./dom.js";

/** Show a notice. It goes after some seconds, an error later and not while it has the pointer or the focus. */
export function notify(text, kind = "good") {
  const toasts = document.getElementById("toasts");
  const note = h("div", { class: `note ${kind}`, role: kind === "bad" ? "alert" : "status" },
    h("div", { class: "row" }, h("span", {}, text),
      h("button", { class: "plain", type: "button", "aria-label": "Dismiss notice", onclick: () => note.remove() }, "✕")));
  toasts.append(note);
  const go = () => (note.matches(":hover, :focus-within") ? setTimeout(go, 2000) : note.remove());
  setTimeout(go, kind === "bad" ? 20_000 : 6000);
}

/** An error as text, with the request id if the server failed. */
export function problemText(problem) {
  const id = problem.status >= 500 && problem.requestId ? ` (request ${problem.requestId})` : "";
  return problem instanceof TypeError ? "The server does not respond. Is it running?" : `${problem.message}${id}`;
}

/** Show an error. */
export function reportProblem(problem) {
  if (problem.name === "AbortError" || problem.code === "session_ended") return; // its own notice says so
  notify(problemText(problem), "bad");
}

/** Announce a text to screen readers. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

// The session has ended: say so once, and link to the sign-in in a new tab, so that this page keeps what was typed.
let ended = null;

document.addEventListener("session-ended", ({ detail: state }) => {
  if (ended) return;
  const out = h("span", {}, h("strong", {}, "You were signed out."), " What you typed is still on this page. ",
    h("a", { href: "/sign-in", target: "_blank", rel: "noopener" }, "Sign in"), " in a new tab, return here, and repeat it.");
  const other = h("span", {}, h("strong", {}, "Another user has signed in in this browser."), " Reload the page to continue as that user.");
  ended = h("div", { class: "note bad", role: "alert", id: "session-ended" }, h("div", { class: "row" }, state === "out" ? out : other));
  document.getElementById("toasts").append(ended);
});

/** Remove the notice if the page's user is signed in again; returns whether it did. */
async function removeIfRenewed() {
  if (!ended) return false;
  const state = await sessionState().catch(() => "out");
  if (!ended || state === "out" || state === "other") return false;
  ended.remove();
  ended = null;
  document.dispatchEvent(new Event("session-renewed"));
  return true;
}

addEventListener("focus", async () => {
  if (await removeIfRenewed()) notify("You are signed in again. Repeat what you did.");
});
document.addEventListener("request-succeeded", removeIfRenewed);
