// Buttons that copy a text: <button data-copy="#id"> copies the text of the element.

import { one } from "./dom.js";
import { announce } from "./notices.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const source = one(button.dataset.copy, button.parentElement) ?? one(button.dataset.copy);
  const copied = await copy(source);
  button.textContent = copied ? "Copied" : "Press Ctrl C";
  announce(copied ? "Copied." : "The text is selected. Press Ctrl C.");
});

/** Copy the text of an element; where the clipboard is closed (http), at least select it. */
async function copy(element) {
  getSelection().selectAllChildren(element);
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    return document.execCommand("copy");
  }
}
