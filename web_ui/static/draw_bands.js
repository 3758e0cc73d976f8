// The editor of bands: a histogram with cuts that are dragged, moved by arrow keys, or typed.

import { callApi } from "./api.js";
import { fill, h, s } from "./dom.js";
import { readNumber, refuse } from "./draw_fields.js";
import { amount, compact, number, percent } from "./format.js";
import { withPlace } from "./words.js";

const WIDTHS = [240, 960];
const LABEL_WIDTH = 72;
const HEIGHT = 110;
const BASE = 92;
const MAX_CUTS = 12;
const FIRST_ROWS = 300;

function histogram(context, round, column) {
  const query = { column, amount_column: context.amountColumn() || undefined, filters: round.filters?.expression };
  return callApi(`${context.table()}/bands`, { query });
}

/** Breaks near quarters of the dates; of numbers near 50, 85 and 97 % of the rows, and 0 where values are negative. */
export async function suggestedBreaks(context, round, column) {
  const found = await histogram(context, round, column).catch(() => null);
  const bins = found?.bins ?? [];
  const rows = bins.at(-1)?.cumulated_row_count ?? 0;
  const near = (share) => bins.find((bin) => bin.high !== null && bin.cumulated_row_count >= share * rows)?.high;
  const zero = bins.some((bin) => bin.low === "0") && bins.find((bin) => bin.high === "0")?.cumulated_row_count > 0 ? "0" : undefined;
  const shares = found?.minimum !== null && Number.isNaN(Number(found?.minimum)) ? [0.25, 0.5, 0.75] : [0.5, 0.85, 0.97];
  const typed = sorted([zero, ...shares.map(near)].filter((one) => one !== undefined).map(typedBreak));
  return typed.length ? typed : [typedBreak(bins[0]?.high ?? "0")];
}

const typedBreak = (text) => (/^-?\d{1,15}(\.\d+)?$/.test(text) ? Number(text) : text);
const valueOf = (one) => (typeof one === "number" ? one : /^-?[\d.]+$/.test(one) ? Number(one) : Date.parse(one));
const sorted = (breaks) => [...new Set(breaks)].sort((left, right) => valueOf(left) - valueOf(right));
const shown = (one) => (typeof one === "number" ? number(one) : /^-?\d+(\.\d+)?$/.test(one) ? amount(one) : one);

export function bandEditor(context, round, entry, loc, changed) {
  const picture = h("div", { class: "bands" });
  const fields = h("div", { class: "row", "data-loc": loc, role: "group", "aria-label": `Breaks of ${entry.column}` });
  const status = h("small", { class: "soft", role: "status" });
  let bins = [];
  let edges = [];
  /** The picture is drawn in the width that it has, so that its texts are never scaled. */
  let width = WIDTHS[0];

  const areNumbers = () => entry.breaks.every((one) => !Number.isNaN(Number(one)));
  /** The place of a value on the axis: between the edges of its bin. */
  const place = (value) => {
    const at = edges.findIndex((edge) => edge > value);
    if (at === 0) return 0;
    const step = width / bins.length;
    if (at < 0) return width - step;
    return step * (at - 1 + (value - edges[at - 1]) / (edges[at] - edges[at - 1]));
  };
  const commit = (next, focus) => {
    entry.breaks = next;
    delete entry.labels;
    show();
    if (focus !== undefined) picture.querySelectorAll("[role=slider]")[focus]?.focus();
    changed();
  };
  /** Move a break to an edge, not past its neighbours. */
  const move = (at, edge, focus) => {
    const value = valueOf(edge);
    const [low, high] = [entry.breaks[at - 1], entry.breaks[at + 1]];
    if ((low !== undefined && value <= valueOf(low)) || (high !== undefined && value >= valueOf(high)) || value === valueOf(entry.breaks[at])) return;
    commit(entry.breaks.map((one, own) => (own === at ? typedBreak(edge) : one)), focus);
  };
  const neighbour = (at, step) => {
    const value = valueOf(entry.breaks[at]);
    const texts = bins.slice(1).map((bin) => bin.low);
    return step > 0 ? texts.find((text) => valueOf(text) > value) : texts.findLast((text) => valueOf(text) < value);
  };

  const handle = (at) => {
    const x = place(valueOf(entry.breaks[at]));
    const slider = s("g", { role: "slider", tabindex: 0, class: "cut-handle", transform: `translate(${x} 0)`, "aria-label": `Cut ${at + 1} of ${entry.column}`,
      "aria-valuenow": valueOf(entry.breaks[at]), "aria-valuemin": edges[0], "aria-valuemax": edges.at(-1), "aria-valuetext": shown(entry.breaks[at]) },
    s("line", { y1: 0, y2: BASE }), s("rect", { x: -18, y: 0, width: 36, height: BASE, class: "grip" }), s("circle", { cy: 8, r: 6 }));
    slider.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      if (step) {
        event.preventDefault();
        const edge = neighbour(at, step);
        if (edge !== undefined) move(at, edge, at);
      } else if (["Delete", "Backspace"].includes(event.key) && entry.breaks.length > 1) {
        event.preventDefault();
        commit(entry.breaks.filter((_, own) => own !== at), 0);
      }
    });
    slider.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const svg = slider.ownerSVGElement;
      const drag = (moved) => {
        const box = picture.querySelector("svg").getBoundingClientRect();
        const bin = Math.round(((moved.clientX - box.left) / box.width) * bins.length);
        const edge = bins[Math.min(Math.max(bin, 1), bins.length - 1)]?.low;
        if (edge !== null && edge !== undefined) move(at, edge, at);
      };
      const stop = () => { document.removeEventListener("pointermove", drag); document.removeEventListener("pointerup", stop); };
      document.addEventListener("pointermove", drag);
      document.addEventListener("pointerup", stop);
      svg.querySelectorAll("[role=slider]")[at]?.focus();
    });
    return slider;
  };

  const show = () => {
    if (bins.length > 1) {
      const step = width / bins.length;
      const most = Math.max(...bins.map((bin) => bin.row_count), 1);
      const every = Math.ceil(LABEL_WIDTH / step);
      const bars = bins.map((bin, at) => {
        const height = bin.row_count ? Math.max((BASE - 16) * Math.sqrt(bin.row_count / most), 1.5) : 0;
        const text = `${bin.label}: ${number(bin.row_count)} rows${bin.sum === null ? "" : `, ${amount(bin.sum)}`}`;
        return s("rect", { class: "population", x: at * step, y: BASE - height, width: Math.max(step - 1, 1), height }, s("title", {}, text));
      });
      const ticks = bins.slice(1).map((bin, at) => (at % every || Math.min((at + 1) * step, width - (at + 1) * step) < LABEL_WIDTH / 3 ? null : s("text", { x: (at + 1) * step, y: HEIGHT - 4, "text-anchor": "middle" }, compact(bin.low)))).filter(Boolean);
      fill(picture, s("svg", { class: "picture", width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "group", "aria-label": `Histogram of ${entry.column}` },
        ...bars, s("line", { class: "axis", x1: 0, x2: width, y1: BASE, y2: BASE }), ...ticks, ...entry.breaks.map((_, at) => handle(at))));
    }
    showFields();
  };
  const showFields = () => {
    if (fields.contains(document.activeElement) && document.activeElement.matches("input")) return;
    fill(fields, entry.breaks.map((one, at) => h("input", { class: "break", "aria-label": `Break ${at + 1}`, "data-loc": `${loc}.${at}`, value: shown(one), autocomplete: "off",
      onchange: ({ target }) => {
        const typed = target.value.trim();
        const { plain, problem } = areNumbers() ? readNumber(typed) : {};
        refuse(target, problem);
        if (problem) { changed(); return; }
        const text = plain ?? typed;
        const next = entry.breaks.map((old, own) => (own === at ? typedBreak(text) : old)).filter((value) => value !== "");
        target.blur();
        if (next.length) commit(sorted(next));
      } })),
    entry.breaks.length < MAX_CUTS ? h("button", { type: "button", class: "plain", onclick: () => {
      const last = neighbour(entry.breaks.length - 1, 1) ?? neighbour(0, -1);
      if (last === undefined) return;
      commit(sorted([...entry.breaks, typedBreak(last)]));
      fields.querySelector("input:last-of-type")?.focus();
    } }, "Add break") : null);
  };

  const suggestion = suggestForm(context, round, entry, (breaks, sizes) => {
    if (sizes && "sizes" in round.parameters && round.parameters.strata_columns.length === 1) round.parameters.sizes = sizes;
    commit(breaks);
  });

  (async () => {
    try {
      const found = await histogram(context, round, entry.column);
      ({ bins } = found);
      edges = bins.slice(1).map((bin) => valueOf(bin.low));
      edges.unshift(edges[0] - (edges[1] - edges[0] || 1));
      status.textContent = "Bar heights follow the square root of the rows. A band begins with its lower break.";
    } catch (problem) { status.textContent = problem.message; }
    show();
  })();
  show();
  new ResizeObserver(() => {
    const next = Math.min(Math.max(picture.clientWidth, WIDTHS[0]), WIDTHS[1]);
    if (next === width) return;
    width = next;
    show();
  }).observe(picture);
  return h("div", { class: "stack" }, picture, h("div", { class: "row" }, h("span", {}, "Breaks"), fields), status, areNumbers() ? suggestion : null);
}

const RULES = { cumulative_root: "Even precision (Dalenius–Hodges)", geometric: "Equal ratios (geometric)" };

/** A form that asks the server for bands and their rows. */
function suggestForm(context, round, entry, use) {
  const id = `suggest-${entry.column}`;
  const bands = h("input", { id: `${id}-bands`, inputmode: "numeric", autocomplete: "off", value: entry.breaks.length + 1, class: "break" });
  const rows = h("input", { id: `${id}-rows`, inputmode: "numeric", autocomplete: "off", value: number(FIRST_ROWS), class: "break" });
  const rule = h("select", { id: `${id}-rule` }, Object.entries(RULES).map(([name, title]) => h("option", { value: name }, title)));
  const takeAll = h("input", { type: "checkbox", checked: true });
  const found = h("small", { class: "soft", role: "status" });
  const button = h("button", { type: "button", onclick: async () => {
    const count = (input) => Number(readNumber(input.value).plain ?? NaN);
    button.disabled = true;
    try {
      const answer = await callApi(`${context.sampling}/strata`, { json: { ...context.source(), column: entry.column, bands: count(bands), rule: rule.value,
        take_all: takeAll.checked, sample_size: count(rows), filters: round.filters ?? null, order: round.order ?? null } });
      use(answer.breaks, answer.parameters.sizes);
      const [{ true_value: total }] = answer.goals;
      const share = total ? ` (${percent(answer.margin_of_error / Math.abs(total))})` : "";
      found.textContent = `${number(answer.sample_size)} rows: total ± ${number(Number(answer.margin_of_error.toPrecision(4)))}${share} at 95 % confidence`
        + (answer.take_all ? `, all of ${answer.take_all}.` : ".");
    } catch (problem) { found.textContent = problem.errors?.length ? withPlace(problem.errors[0]) : problem.message; }
    button.disabled = false;
  } }, "Suggest bands");
  return h("details", {}, h("summary", {}, "Suggest bands"), h("div", { class: "row" },
    h("label", { for: bands.id }, "Bands"), bands, h("label", { for: rule.id }, "Rule"), rule,
    h("label", { for: rows.id }, "Rows to draw"), rows, h("label", { class: "check" }, takeAll, "Take the largest whole"), button), found);
}
