// What was entered into the form of a draw, kept by its tab: for a reload, for Back, and until it is drawn.

/**
 * The draft of one form.
 * @param {string} name what tells the form from others
 */
export function draftOf(name) {
  const at = `draw:${name}`;
  const kept = JSON.parse(sessionStorage.getItem(at) ?? "{}");
  const cameByLink = performance.getEntriesByType("navigation")[0]?.type === "navigate";
  const put = () => sessionStorage.setItem(at, JSON.stringify(kept));
  return {
    /** What the form goes on with; null where it starts anew, as it does by a link once all of it is drawn. */
    body: kept.body && !(cameByLink && JSON.stringify(kept.body) === kept.drawn) ? kept.body : null,
    keep(body) { kept.body = body; put(); },
    isDrawn() { kept.drawn = JSON.stringify(kept.body); put(); },
  };
}
