// The messages to a webhook or an e-mail address. The list reloads while one of them waits, unless one is open.

import { one } from "./dom.js";
import { reloadPart } from "./forms.js";
import { pollWhileVisible } from "./live.js";

const EVERY_MS = 2000;

pollWhileVisible(async () => {
  if (one("#messages [data-waiting]") && !one("#messages details[open]")) await reloadPart("#messages");
}, EVERY_MS);
