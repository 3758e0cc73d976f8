// The next times of a schedule, while its expression is typed.

import { callApi, urlWith } from "./api.js";
import { debounce, fill, h, one } from "./dom.js";
import { localTime, ownZone } from "./format.js";

const form = one("form[data-times]");
const shown = one("#schedule-times");

async function preview() {
  const cron = form.elements.cron.value.trim();
  const zone = form.elements.zone.value.trim();
  if (!cron || !zone) return fill(shown);
  try {
    const { explanation, next_runs: times } = await callApi(urlWith("/api/schedules/preview", { cron, zone }));
    const items = times.map((at) => {
      const time = h("time", { datetime: at, "data-exact": "" }, at);
      localTime(time);
      return h("li", {}, time);
    });
    fill(shown, h("p", {}, `${explanation}, ${zone}. Next runs in your time zone, ${ownZone()}:`), h("ul", {}, ...items));
  } catch (problem) {
    fill(shown, h("p", { class: "field-problem" }, problem.message));
  }
}

form.addEventListener("input", debounce(preview));
preview();
