// Requests to the JSON API with the page's session.

import { withPlace } from "./words.js";

let csrf = document.querySelector('meta[name="csrf"]')?.content ?? "";
const user = document.querySelector('meta[name="user"]')?.content ?? "";
const ENDED = {
  out: "You were signed out. Sign in again, then repeat this.",
  other: "Another user has signed in in this browser. Reload the page to continue as that user.",
};

/** An error response with its problem document. */
export class Problem extends Error {
  constructor(status, document) {
    const errors = document.code === "invalid_request" ? document.errors ?? [] : [];
    super(errors.length ? errors.slice(0, 5).map(withPlace).join(" ") : document.detail ?? `The server responded with status ${status}.`);
    this.status = status;
    this.code = document.code ?? "";
    this.errors = document.errors ?? [];
    this.requestId = document.request_id ?? "";
    this.retryAfter = 0;
  }
}

/** Build a URL from a path and a query, without empty values. */
export function urlWith(path, query = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") search.append(name, value);
  }
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}

/** Headers that every request of a session must have. */
export function headers(more = {}) {
  return { "X-CSRF-Token": csrf, ...more };
}

const MAX_RETRY_S = 5;
const RETRIES = 3;

/** Fetch, and retry a request that the rate limit refused (429). */
async function fetchWithRetry(url, options) {
  for (let left = RETRIES; ; left -= 1) {
    const answer = await fetch(url, options);
    const wait = Number(answer.headers.get("Retry-After") ?? Infinity);
    if (answer.status !== 429 || left === 0 || wait > MAX_RETRY_S) return answer;
    await new Promise((resolve) => setTimeout(resolve, 1000 * wait));
  }
}

/**
 * Compare the browser's session with that of the page: "same", "renewed" (the user has signed in again, so the
 * page's next requests have its token), "out", or "other" (another user).
 */
export async function sessionState() {
  const answer = await fetch("/session", { headers: { Accept: "application/json" }, credentials: "same-origin" });
  if (!answer.ok) return "same";
  const found = await answer.json();
  if (found.user === null) return "out";
  if (String(found.user) !== user) return "other";
  if (found.csrf === csrf) return "same";
  csrf = found.csrf;
  for (const field of document.querySelectorAll('input[name="csrf"]')) field.value = csrf;
  return "renewed";
}

/** Tell the page that its session has ended; returns the problem of the request that failed for it. */
export function sessionEnded(state) {
  document.dispatchEvent(new CustomEvent("session-ended", { detail: state }));
  return new Problem(401, { code: "session_ended", detail: ENDED[state] });
}

async function sendOnce(send) {
  const answer = await send();
  if (answer.ok) document.dispatchEvent(new Event("request-succeeded"));
  return answer;
}

/** Send a request, once more if the user has signed in again meanwhile; throws if the session has ended. */
async function sendInSession(send) {
  const answer = await sendOnce(send);
  if (answer.status !== 401 && answer.status !== 403) return answer;
  const state = await sessionState();
  if (state === "renewed") return sendOnce(send);
  if (state === "same") return answer;
  throw sessionEnded(state);
}

/**
 * Send a request to the API.
 * @param {string} path
 * @param {{method?: string, query?: object, json?: any, body?: BodyInit, headers?: object, signal?: AbortSignal}} options
 * @returns the response's JSON; throws a Problem, or a TypeError if the server does not respond
 */
export async function callApi(path, options = {}) {
  const { method = options.json === undefined ? "GET" : "POST", query, json, signal } = options;
  const extra = { Accept: "application/json", ...options.headers };
  if (json !== undefined) extra["Content-Type"] = "application/json";
  const answer = await sendInSession(() => fetchWithRetry(urlWith(path, query), {
    method,
    headers: headers(extra),
    body: json === undefined ? options.body : JSON.stringify(json),
    signal,
    credentials: "same-origin",
  }));
  const document = await read(answer);
  if (answer.ok) return document;
  throw problemOf(answer, document);
}

/** Send a form with a file. onProgress gets the share that was sent; fetch has no upload progress. Throws as callApi does. */
export async function upload(path, body, onProgress) {
  const answer = await sendInSession(() => new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    for (const [name, value] of Object.entries(headers({ Accept: "application/json" }))) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", ({ loaded, total }) => onProgress(loaded / total));
    request.addEventListener("load", () => resolve(new Response(request.responseText, { status: request.status })));
    request.addEventListener("error", () => reject(new TypeError("no answer")));
    request.send(body);
  }));
  const document = await read(answer);
  if (answer.ok) return document;
  throw problemOf(answer, document);
}

/**
 * Submit a plain form in the background.
 * @returns the URL that the server redirects to; throws as callApi does
 */
export async function submitForm(form, submitter, more = {}) {
  const body = new URLSearchParams(new FormData(form, submitter));
  const answer = await sendInSession(() => fetch(form.getAttribute("action"), {
    method: "POST",
    headers: headers({ Accept: "application/json", ...more }),
    body,
    credentials: "same-origin",
  }));
  if (answer.redirected) return answer.url;
  throw problemOf(answer, await read(answer));
}

async function read(answer) {
  const text = await answer.text();
  try {
    return text ? JSON.parse(text) : {};
  } catch {
    return { detail: text.slice(0, 200) };
  }
}

function problemOf(answer, document) {
  const problem = new Problem(answer.status, document);
  problem.retryAfter = Number(answer.headers.get("Retry-After") ?? 0);
  return problem;
}

/** An idempotency key: two requests with one key create one job. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID needs https
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
