// The draft of a new sample, stored in the tab's session: for a reload, and for Back.

/**
 * The draft of one form.
 * @param {string} name identifies the form
 */
export function draftOf(name) {
  const storageKey = `draw:${name}`;
  const stored = JSON.parse(sessionStorage.getItem(storageKey) ?? "{}");
  const openedByLink = performance.getEntriesByType("navigation")[0]?.type === "navigate";
  const write = () => sessionStorage.setItem(storageKey, JSON.stringify(stored));
  const body = stored.body && !(openedByLink && JSON.stringify(stored.body) === stored.drawn) ? stored.body : null;
  let isDiscarded = false;
  return {
    /** The stored body; null if there is none, or if it was drawn and a link opened the page. */
    body,
    /** Whether a link opened the page, and an abandoned design came back. */
    isLeftOver: Boolean(body) && openedByLink,
    save(next) {
      if (isDiscarded) return;
      stored.body = next;
      write();
    },
    markDrawn() { stored.drawn = JSON.stringify(stored.body); write(); },
    discard() { isDiscarded = true; sessionStorage.removeItem(storageKey); },
  };
}
