// The list of jobs. It reloads regularly, and the selection of jobs is restored.

import { sessionEnded, sessionState } from "./api.js";
import { all, one } from "./dom.js";
import { localTime } from "./format.js";
import { pollWhileVisible } from "./live.js";
import { announce } from "./notices.js";

const FAST_MS = 2000;
const SLOW_MS = 5000;

const selected = () => new Set(all('input[name="job"]:checked').map((box) => box.value));

function showCount() {
  const number = selected().size;
  const label = one("#selected");
  if (label) label.textContent = number ? `${number} selected:` : "Selected jobs:";
}

/** The list can't be refreshed without a session. */
async function signedOut() {
  const state = await sessionState();
  if (state === "out" || state === "other") sessionEnded(state);
}

async function refresh() {
  const live = one("#live");
  try {
    const answer = await fetch(location.href, { credentials: "same-origin" });
    if (answer.redirected) return await signedOut();
    if (!answer.ok) throw new Error("no list");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const [old, fresh] = [one("#list"), one("#list", page)];
    if (live) live.textContent = "";
    lost = false;
    schedule();
    const checked = selected();
    const focused = document.activeElement?.value;
    if (fresh.innerHTML === old.dataset.seen) return;
    const seen = fresh.innerHTML;
    all("time[datetime]", fresh).forEach(localTime);
    for (const box of all('input[name="job"]', fresh)) box.checked = checked.has(box.value);
    old.replaceWith(document.adoptNode(fresh));
    fresh.dataset.seen = seen;
    if (focused) all('input[name="job"]').find((box) => box.value === focused)?.focus();
    showCount();
    schedule();
  } catch {
    if (live) live.textContent = "The server does not respond. Retrying.";
    if (!lost) announce("The server does not respond. Retrying.");
    lost = true;
    schedule();
  }
}

let lost = false;
let stop = () => {};
let pace = 0;
function schedule() {
  const interval = lost || Number(one("#list").dataset.open) ? FAST_MS : SLOW_MS;
  if (interval === pace) return;
  stop();
  pace = interval;
  stop = pollWhileVisible(refresh, pace);
}

const selectAll = one("#select-all");
if (selectAll) {
  selectAll.hidden = false;
  selectAll.addEventListener("click", () => {
    const boxes = all('input[name="job"]');
    const every = boxes.every((box) => box.checked);
    boxes.forEach((box) => { box.checked = !every; });
    showCount();
  });
}
one("#jobs").addEventListener("change", showCount);
one("#jobs").addEventListener("submit", (event) => {
  if (!selected().size) {
    event.preventDefault();
    announce("No job is selected.");
    one("#selected").textContent = "Select jobs first:";
  }
});
schedule();
