// Numbers, sizes and times as displayed.

const numbers = new Intl.NumberFormat("en", { maximumFractionDigits: 6 });
// The Swedish locale writes 2025-07-07 02:45:47, as the server does.
const moments = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" });

/** 1234567 → "1,234,567"; a text is returned unchanged. */
export function number(value) {
  return typeof value === "number" ? numbers.format(value) : String(value ?? "");
}

/** Whether a column of this type is right-aligned. */
export const isNumberType = (type) => /INT|DECIMAL|DOUBLE|FLOAT/.test(type) && !type.includes("[");

const digits = new Intl.NumberFormat("en", { maximumFractionDigits: 20 });
const NUMERALS = /(id|no|nr|num|number|code|key|year|zip|account|phone)s?$/i;

/** A cell's text, as the server's grids write it: years, ids and codes get no thousands separators.
 * The 16th and 17th digits of a sum of doubles are noise. */
export function cellText(value, name, type) {
  if (typeof value === "object") return JSON.stringify(value);
  const isNumeral = type.includes("INT") && (Math.abs(value) < 10000 || NUMERALS.test(name));
  if (typeof value !== "number" || isNumeral || Math.abs(value) >= 1e21) return String(value);
  return digits.format(Number(value.toPrecision(15)));
}

/** 0.1234 → "12.3 %". */
export function percent(fraction, digits = 1) {
  return `${(100 * fraction).toFixed(digits)} %`;
}

/** 1536 → "1.5 KiB". */
export function bytes(size) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let value = size;
  let place = 0;
  while (value >= 1024 && place < units.length - 1) {
    value /= 1024;
    place += 1;
  }
  return `${place ? value.toFixed(value < 10 ? 1 : 0) : numbers.format(value)} ${units[place]}`;
}

/** 75.3 → "1 min 15 s". */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 10) return `${seconds.toFixed(seconds < 1 ? 2 : 1)} s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

/** The browser's time zone with its current UTC offset: "Asia/Kolkata, UTC+05:30". */
export function zoneName() {
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const parts = new Intl.DateTimeFormat("en", { timeZoneName: "longOffset" }).formatToParts();
  const offset = parts.find((part) => part.type === "timeZoneName").value.replace("GMT", "UTC");
  return name === "UTC" ? name : `${name}, ${offset === "UTC" ? "UTC+00:00" : offset}`;
}

/** Show a time element in the browser's time zone, with UTC in its title. */
export function localTime(element) {
  const moment = new Date(element.dateTime);
  if (Number.isNaN(moment.getTime())) return;
  element.textContent = moments.format(moment);
  element.title = `${moment.toISOString().replace("T", " ").replace("Z", "")} UTC`;
}

/** A new time element. */
export function time(text) {
  const element = document.createElement("time");
  if (!text) return element;
  element.dateTime = text;
  localTime(element);
  return element;
}
