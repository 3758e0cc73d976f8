// Making and finding elements; nothing here takes HTML as text.

/** The first element that matches, or null. */
export const one = (selector, root = document) => root.querySelector(selector);

/** All that match, as an array. */
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/**
 * Make an element: h("a", {href: "/", class: "button", onclick: f}, "text", child).
 * Attributes that are null, undefined or false are left out; "on…" are listeners.
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

/** Put children in place of what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The JSON that a page brought along in <script type="application/json" id="…">. */
export function given(id) {
  const holder = document.getElementById(id);
  return holder ? JSON.parse(holder.textContent) : null;
}

/** Call f once things have been quiet for a while. */
export function afterQuiet(f, quietMs = 300) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => f(...values), quietMs);
  };
}
