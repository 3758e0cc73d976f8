// The first profile of a table: the server computes it while the page waits.

import { callApi } from "./api.js";
import { one } from "./dom.js";
import { reportProblem } from "./notices.js";

const pending = one("#profile-pending");

if (pending) {
  const shown = one("a", pending).href; // works even if the profile can't be cached
  callApi(pending.dataset.analysis).then(() => location.replace(shown), reportProblem);
}
