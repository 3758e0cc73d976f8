// Requests to the JSON API with the page's session.

import { withPlace } from "./words.js";

const csrf = document.querySelector('meta[name="csrf"]')?.content ?? "";

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
 * Send a request to the API.
 * @param {string} path
 * @param {{method?: string, query?: object, json?: any, body?: BodyInit, headers?: object, signal?: AbortSignal}} options
 * @returns the response's JSON; throws a Problem, or a TypeError if the server does not respond
 */
export async function callApi(path, options = {}) {
  const { method = options.json === undefined ? "GET" : "POST", query, json, signal } = options;
  const extra = { Accept: "application/json", ...options.headers };
  if (json !== undefined) extra["Content-Type"] = "application/json";
  const answer = await fetchWithRetry(urlWith(path, query), {
    method,
    headers: headers(extra),
    body: json === undefined ? options.body : JSON.stringify(json),
    signal,
    credentials: "same-origin",
  });
  const document = await read(answer);
  if (answer.ok) return document;
  if (answer.status === 401) toSignIn();
  throw problemOf(answer, document);
}

/**
 * Submit a plain form in the background.
 * @returns the URL that the server redirects to; throws as callApi does
 */
export async function submitForm(form, submitter, more = {}) {
  const answer = await fetch(form.getAttribute("action"), {
    method: "POST",
    headers: headers({ Accept: "application/json", ...more }),
    body: new URLSearchParams(new FormData(form, submitter)),
    credentials: "same-origin",
  });
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

function toSignIn() {
  const here = location.pathname + location.search;
  location.assign(urlWith("/sign-in", { next: here }));
}
