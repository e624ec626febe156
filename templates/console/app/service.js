// Talking with the service: requests, and the stream of events with its silence.
import { apply, now, state, tell } from "./state.js";
import { t } from "./words.js";

const SILENCE_MS = 13000; // two heartbeats and some
const RETRY_FIRST_MS = 500;
const RETRY_LAST_MS = 8000;
const HIDDEN_MS = 300000; // a page that nobody sees gives its connection back
const EVENTS = ["snapshot", "rollout", "gone", "approval", "point", "status", "people"];

export class Refused extends Error {
  constructor(status, answer) {
    super(answer?.error ?? `${status}`);
    this.status = status;
  }
}

/** The answer's JSON; throws Refused with the service's own words. */
export async function ask(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      credentials: "same-origin",
      headers: {
        ...(body ? { "Content-Type": "application/json" } : {}),
        ...(state.session?.person ? { "X-Rollcall-Csrf": state.session.person.csrf } : {}),
      },
      body: body ? JSON.stringify(body) : undefined,
    });
  } catch {
    throw new Refused(0, { error: t("error.offline") });
  }
  let value = null;
  try {
    value = await answer.json();
  } catch {
    // an answer without a body says enough by its status
  }
  if (answer.status === 401) tell("signed-out");
  if (!answer.ok) throw new Refused(answer.status, value);
  return value;
}

export async function loadSession() {
  state.session = await ask("GET", "/console/session");
  return state.session;
}

/** Asks for a verb on a rollout; extra: reason, request, revision. */
export function act(r, verb, extra) {
  const path = `/console/rollouts/${encodeURIComponent(r.ns)}/${encodeURIComponent(r.name)}/${verb}`;
  return ask("POST", path, extra);
}

// ---- the stream ----

let source = null;
let seen = "";
let heardAt = 0;
let retryMs = RETRY_FIRST_MS;
let retryTimer = 0;
let hiddenTimer = 0;

function heard() {
  heardAt = Date.now();
  retryMs = RETRY_FIRST_MS;
  if (!state.staleSince) return;
  state.staleSince = 0;
  state.answers = false;
  tell("status");
}

function lost() {
  source?.close();
  source = null;
  if (!state.staleSince) {
    state.staleSince = now();
    tell("status");
  }
  clearTimeout(retryTimer);
  retryTimer = setTimeout(connect, retryMs * (0.75 + Math.random() / 2));
  retryMs = Math.min(retryMs * 2, RETRY_LAST_MS);
}

function receive(event) {
  if (event.lastEventId) seen = event.lastEventId;
  heard();
  if (event.type !== "beat") apply(event.type, JSON.parse(event.data));
}

/** Why are there no events: nobody is there, it has not read the cluster yet, or we are signed out? */
async function lookAgain() {
  const session = await ask("GET", "/console/session").catch(() => null);
  if (session && !session.person) tell("signed-out");
  if (state.answers === Boolean(session) || !state.staleSince) return;
  state.answers = Boolean(session);
  tell("status");
}

export function connect() {
  if (source || document.hidden) return;
  clearTimeout(retryTimer);
  const opened = new EventSource(`/console/events?seen=${encodeURIComponent(seen)}`);
  source = opened;
  heardAt = Date.now();
  for (const name of [...EVENTS, "beat"]) opened.addEventListener(name, receive);
  opened.addEventListener("error", () => {
    if (source !== opened) return;
    lost();
    lookAgain();
  });
}

export function disconnect() {
  clearTimeout(retryTimer);
  source?.close();
  source = null;
  seen = "";
}

setInterval(() => {
  if (source && Date.now() - heardAt > SILENCE_MS) lost();
}, 1000);

document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (!document.hidden) {
    if (state.session?.person) connect();
    return;
  }
  hiddenTimer = setTimeout(() => {
    source?.close();
    source = null;
  }, HIDDEN_MS);
});
