// The JSON API, asked with the page's own session.

import { told } from "./words.js";

const csrf = document.querySelector('meta[name="csrf"]')?.content ?? "";

/** An answer that isn't a success, as a problem document tells it. */
export class Problem extends Error {
  constructor(status, document) {
    const errors = document.code === "invalid_request" ? document.errors ?? [] : [];
    super(errors.length ? errors.slice(0, 5).map(told).join(" ") : document.detail ?? `The server answered ${status}.`);
    this.status = status;
    this.code = document.code ?? "";
    this.errors = document.errors ?? [];
    this.requestId = document.request_id ?? "";
    this.retryAfter = 0;
  }
}

/** Build an address from a path and a query; empty values are left out. */
export function address(path, query = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") search.append(name, value);
  }
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}

/** Headers that a request with the session must carry. */
export function headers(more = {}) {
  return { "X-CSRF-Token": csrf, ...more };
}

const LONGEST_RETRY_S = 5;
const RETRIES = 3;

/** Fetch; a request that is refused as one too many (429, nothing was done) is sent again. */
async function fetchAgain(where, options) {
  for (let left = RETRIES; ; left -= 1) {
    const answer = await fetch(where, options);
    const wait = Number(answer.headers.get("Retry-After") ?? Infinity);
    if (answer.status !== 429 || left === 0 || wait > LONGEST_RETRY_S) return answer;
    await new Promise((resolve) => setTimeout(resolve, 1000 * wait));
  }
}

/**
 * Ask the API.
 * @param {string} path where
 * @param {{method?: string, query?: object, json?: any, body?: BodyInit, headers?: object, signal?: AbortSignal}} options
 * @returns the answer's JSON; throws a Problem, or a TypeError when nobody answers
 */
export async function ask(path, options = {}) {
  const { method = options.json === undefined ? "GET" : "POST", query, json, signal } = options;
  const extra = { Accept: "application/json", ...options.headers };
  if (json !== undefined) extra["Content-Type"] = "application/json";
  const answer = await fetchAgain(address(path, query), {
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
 * Send a page's own form, as the browser would.
 * @returns the address that it leads to; throws as ask does
 */
export async function send(form, submitter, more = {}) {
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

/** A key for a request that makes a job, so that sending it twice makes one. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID is for https alone
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function toSignIn() {
  const here = location.pathname + location.search;
  location.assign(address("/sign-in", { next: here }));
}
