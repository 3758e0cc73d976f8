// Creating and finding elements. No function parses HTML.

/** The first element that matches, or null. */
export const one = (selector, root = document) => root.querySelector(selector);

/** All elements that match, as an array. */
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/**
 * Create an element: h("a", {href: "/", class: "button", onclick: f}, "text", child).
 * Null, undefined and false attributes are omitted; "on…" attributes are listeners.
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The parts of a text between commas or semicolons; one with a comma stands in double quotes. */
export const listed = (text) => Array.from(text.matchAll(/\s*"((?:[^"]|"")+)"\s*(?=[,;]|$)|[^,;]+/g), ([all, quoted]) => quoted?.replaceAll('""', '"') ?? all.trim()).filter(Boolean);

/** A name in such a text, in quotes if it needs them. */
export const inList = (name) => (/[",;\n]|^\s|\s$/.test(name) ? `"${name.replaceAll('"', '""')}"` : name);

/** Create an SVG element. */
export function s(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Replace the children of an element. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The JSON of <script type="application/json" id="…">, or null. */
export function embeddedJson(id) {
  const element = document.getElementById(id);
  return element ? JSON.parse(element.textContent) : null;
}

/** Delay calls of f until none was made for a while. */
export function debounce(f, quietMs = 300) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => f(...values), quietMs);
  };
}
