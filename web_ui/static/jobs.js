// The list of jobs kept fresh: the page is asked for again, and its list put in place of the old.

import { all, one } from "./dom.js";
import { localTime } from "./format.js";
import { whileSeen } from "./live.js";
import { announce } from "./notices.js";

const FAST_MS = 2000;
const SLOW_MS = 5000;

const ticked = () => new Set(all('input[name="job"]:checked').map((box) => box.value));

function count() {
  const number = ticked().size;
  const label = one("#ticked");
  if (label) label.textContent = number ? `${number} ticked:` : "With the ticked jobs:";
}

async function refresh() {
  const live = one("#live");
  try {
    const answer = await fetch(location.href, { credentials: "same-origin" });
    if (!answer.ok || answer.redirected) throw new Error("no list");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const [old, fresh] = [one("#list"), one("#list", page)];
    if (live) live.textContent = "";
    lost = false;
    schedule();
    const kept = ticked();
    const focused = document.activeElement?.value;
    if (fresh.innerHTML === old.dataset.seen) return;
    const seen = fresh.innerHTML;
    all("time[datetime]", fresh).forEach(localTime);
    for (const box of all('input[name="job"]', fresh)) box.checked = kept.has(box.value);
    old.replaceWith(document.adoptNode(fresh));
    fresh.dataset.seen = seen;
    if (focused) all('input[name="job"]').find((box) => box.value === focused)?.focus();
    count();
    schedule();
  } catch {
    if (live) live.textContent = "The server doesn't answer; trying again.";
    if (!lost) announce("The server doesn't answer; trying again.");
    lost = true;
    schedule();
  }
}

let lost = false;
let stop = () => {};
let pace = 0;
function schedule() {
  const wanted = lost || Number(one("#list").dataset.open) ? FAST_MS : SLOW_MS;
  if (wanted === pace) return;
  stop();
  pace = wanted;
  stop = whileSeen(refresh, pace);
}

const tickAll = one("#tick-all");
if (tickAll) {
  tickAll.hidden = false;
  tickAll.addEventListener("click", () => {
    const boxes = all('input[name="job"]');
    const every = boxes.every((box) => box.checked);
    boxes.forEach((box) => { box.checked = !every; });
    count();
  });
}
one("#jobs").addEventListener("change", count);
one("#jobs").addEventListener("submit", (event) => {
  if (!ticked().size) {
    event.preventDefault();
    announce("No job is ticked.");
    one("#ticked").textContent = "Tick some jobs first:";
  }
});
schedule();
