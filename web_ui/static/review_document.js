// A row as a reviewer reads it: texts as documents, JSON by its keys, conversations as turns, short values as facts.

import { h } from "./dom.js";
import { cellText } from "./format.js";

const DEEPEST = 8; // levels of JSON; what is deeper is shown as JSON
const MOST = 200; // elements of a list that are shown one by one
const LONG = 80; // characters from which a text is a document
const FENCE = /^```[^\n]*\n([\s\S]*?)^```[ \t]*$/gm;
const documents = new Set(); // a column stays a document when a later row has a short text in it

/** The value of a text that is a JSON object or array, else null. */
function parsed(text) {
  if (!/^\s*[[{]/.test(text)) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const isObject = (value) => typeof value === "object" && value !== null;
const roleOf = (turn) => turn?.role ?? turn?.from ?? turn?.speaker;
const contentOf = (turn) => turn.content ?? turn.value ?? turn.text;
const isConversation = (value) => Array.isArray(value) && value.length > 0 && value.every((turn) => typeof roleOf(turn) === "string" && contentOf(turn) !== undefined);

/** A text with its paragraphs; code between ``` lines is monospace. */
function paragraphs(text) {
  const found = [];
  let at = 0;
  const add = (part) => found.push(...part.split(/\n\s*\n/).filter((each) => each.trim()).map((each) => h("p", { dir: "auto" }, each.replace(/^\n+|\n+$/g, ""))));
  for (const fenced of text.matchAll(FENCE)) {
    add(text.slice(at, fenced.index));
    found.push(h("pre", { dir: "ltr" }, fenced[1]));
    at = fenced.index + fenced[0].length;
  }
  add(text.slice(at));
  return found;
}

const missing = (words) => h("p", { class: "soft" }, words);

function content(value, level = 0) {
  if (value === null || value === undefined) return missing("Missing");
  if (typeof value === "string") {
    const inner = level < DEEPEST ? parsed(value) : null;
    if (inner !== null) return content(inner, level + 1);
    return value.trim() ? paragraphs(value) : missing(value ? "Only spaces" : "Empty text");
  }
  if (!isObject(value)) return h("p", {}, String(value));
  const size = Array.isArray(value) ? value.length : Object.keys(value).length;
  if (size === 0) return missing(Array.isArray(value) ? "Empty list" : "No keys");
  if (level >= DEEPEST || size > MOST) return h("pre", { dir: "ltr" }, JSON.stringify(value, null, level >= DEEPEST ? 0 : 1));
  if (isConversation(value)) return value.map((turn) => h("section", { class: "turn" }, h("h3", {}, roleOf(turn)), content(partsOf(contentOf(turn)), level + 1), others(turn, level)));
  if (Array.isArray(value)) return h("ol", {}, value.map((each) => h("li", {}, content(each, level + 1))));
  return keys(Object.entries(value), level);
}

/** The text of a turn whose content is a list of parts, as language models write it. */
const partsOf = (value) => (Array.isArray(value) && value.every((part) => part?.type === "text" && typeof part.text === "string") ? value.map((part) => part.text).join("\n\n") : value);

/** What a turn has besides its role and content, such as calls of tools. */
function others(turn, level) {
  const rest = Object.entries(turn).filter(([, value]) => value !== roleOf(turn) && value !== contentOf(turn) && value !== null);
  return rest.length ? keys(rest, level) : null;
}

const keys = (entries, level) => h("dl", { class: "keys" }, entries.map(([key, value]) => [h("dt", {}, key), h("dd", {}, content(value, level + 1))]));

const isDocument = (name, value) => {
  if (documents.has(name)) return true;
  const found = isObject(value) || (typeof value === "string" && (value.length > LONG || value.includes("\n") || isObject(parsed(value))));
  if (found) documents.add(name);
  return found;
};

/** A value's elements; JSON that is nested too deeply for the browser is shown as it is. */
function whole(value) {
  try {
    return content(value);
  } catch {
    return h("pre", { dir: "ltr" }, String(value));
  }
}

function fact(name, value) {
  if (value === null) return h("span", { class: "soft" }, "missing");
  if (value === "") return h("span", { class: "soft" }, "empty");
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "number" ? cellText(value, name, Number.isInteger(value) ? "BIGINT" : "DOUBLE") : String(value);
}

/** The texts of a row, one section each, and its short values as a list of facts. */
export function rowView(data) {
  const entries = Object.entries(data);
  const long = entries.filter(([name, value]) => isDocument(name, value));
  const short = entries.filter(([name]) => !documents.has(name));
  return {
    texts: long.map(([name, value]) => h("section", { class: "document", dir: "auto" }, h("h2", {}, name), h("div", { class: "body" }, whole(value)))),
    facts: short.length > 0 && h("dl", { class: "facts" }, short.map(([name, value]) => [h("dt", {}, name), h("dd", { dir: "auto" }, fact(name, value))])),
  };
}
