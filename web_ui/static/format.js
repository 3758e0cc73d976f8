// Numbers, sizes and times as displayed.

const numbers = new Intl.NumberFormat("en", { maximumFractionDigits: 6 });
// The Swedish locale writes 2025-07-07 02:45:47, as the server does.
const moments = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" });

/** 1234567 → "1,234,567"; a text is returned unchanged. */
export function number(value) {
  return typeof value === "number" ? numbers.format(value) : String(value ?? "");
}

/** A short number on an axis: 1200000 → "1.2M"; a text that is none is returned unchanged. */
export function compact(text) {
  const value = Number(text);
  if (Number.isNaN(value)) return text;
  return new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 }).format(value);
}

/** Whether a column of this type is right-aligned. */
export const isNumberType = (type) => /INT|DECIMAL|DOUBLE|FLOAT/.test(type) && !type.includes("[");

const digits = new Intl.NumberFormat("en", { maximumFractionDigits: 20 });
// As is_identifier_name in contract/columns.py.
const NUMERALS = /^id[\W_]|(?:(?:^|[\W_])(?:id|ids|key|no|num|pk|uuid|account|acct|kto|plz|zip|iban|year|jahr|phone|tel|bukrs)|(?:er|ct|nt|em|ry)id|nr|nummer|number|konto|code|buchungskreis|kostenstelle|schl(?:ü|ue)ssel)[\W_]*$/i;
const isNumeralName = (name) => NUMERALS.test(name.replace(/([a-z])([A-Z])/g, "$1 $2"));

/** A cell's text, as cell_text of contract/columns.py writes it: years, ids and codes get no thousands separators, a decimal has
 * the places of its type, and the 16th and 17th digits of a double are noise. */
export function cellText(value, name, type) {
  if (typeof value === "object") return JSON.stringify(value);
  const [, places] = type.match(/^DECIMAL\(\d+,(\d+)\)$/) ?? [];
  if (places !== undefined) return amount(typeof value === "number" ? value.toFixed(places) : value);
  const isNumeral = type.includes("INT") && (Math.abs(value) < 10000 || isNumeralName(name));
  if (typeof value !== "number" || isNumeral || Math.abs(value) >= 1e21) return String(value);
  return digits.format(Number(value.toPrecision(15)));
}

/** An exact decimal text with thousands separators: "1234567.50" → "1,234,567.50". */
export function amount(text) {
  return text === null || text === undefined ? "" : text.replace(/^(-?)(\d+)/, (_, sign, whole) => sign + whole.replace(/\B(?=(\d{3})+$)/g, ","));
}

/** 0.1234 → "12.3 %", 0.00456 → "0.46 %", as web_ui/numbers.py writes it. */
export function percent(fraction) {
  const percents = 100 * fraction;
  if (percents === 0 || percents === 100) return `${percents} %`;
  const size = Math.abs(percents);
  if (size < 0.001) return "below 0.001 %";
  return `${percents.toFixed(size < 0.995 ? 1 - Math.floor(Math.log10(size)) : 1)} %`;
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

const DAY_S = 86400;
const UNITS = [["minute", 60, 3600], ["hour", 3600, DAY_S], ["day", DAY_S, 30 * DAY_S]];

/** A time as its distance from now, as the server writes it; its day if it is a month or more away. */
function relativeTime(moment) {
  const past = (Date.now() - moment.getTime()) / 1000;
  if (Math.abs(past) < 45) return "just now";
  const [unit, size] = UNITS.find(([, , limit]) => Math.abs(past) < limit) ?? [];
  if (!unit) return moments.format(moment).slice(0, 10);
  const count = Math.max(Math.trunc(Math.abs(past) / size), 1);
  const distance = `${count} ${unit}${count === 1 ? "" : "s"}`;
  return past > 0 ? `${distance} ago` : `in ${distance}`;
}

/** The browser's time zone: "Asia/Kolkata". */
export const ownZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The browser's time zone with its UTC offset at a time: "Asia/Kolkata, UTC+05:30". */
function zoneName(moment) {
  const name = ownZone();
  const parts = new Intl.DateTimeFormat("en", { timeZoneName: "longOffset" }).formatToParts(moment);
  const offset = parts.find((part) => part.type === "timeZoneName").value.replace("GMT", "UTC");
  return name === "UTC" ? name : `${name}, ${offset === "UTC" ? "UTC+00:00" : offset}`;
}

/** Show a time element relative to now, or exactly with data-exact; its title is the exact time with its zone. */
export function localTime(element) {
  const moment = new Date(element.dateTime);
  if (Number.isNaN(moment.getTime())) return;
  const exact = moments.format(moment);
  element.textContent = "exact" in element.dataset ? exact : relativeTime(moment);
  element.title = `${exact} ${zoneName(moment)}`;
}

/** A new time element. */
export function time(text) {
  const element = document.createElement("time");
  if (!text) return element;
  element.dateTime = text;
  localTime(element);
  return element;
}
