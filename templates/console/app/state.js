// What this page knows: fed by the event stream alone.

export const state = {
  session: null, // {version, people, person, policies}
  rollouts: new Map(), // by uid
  approvals: new Map(), // by id; those that are open or were seen open
  skew: 0, // the service's clock minus ours
  leading: true,
  unreachableSince: 0,
  staleSince: 0, // no events since then; 0: they come
  answers: false, // the service does, although there are no events
  loaded: false,
};

const listeners = new Set();

/** listener(kind, value); answers how to stop hearing. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function tell(kind, value) {
  for (const listener of [...listeners]) listener(kind, value);
}

export function now() {
  return Date.now() + state.skew;
}

function takeStatus(value) {
  state.skew = value.now - Date.now();
  state.leading = value.leading;
  state.unreachableSince = value.unreachableSince ?? 0;
}

/** Takes an event of the stream into the state. */
export function apply(kind, value) {
  switch (kind) {
    case "snapshot":
      takeStatus(value);
      state.rollouts = new Map(value.rollouts.map((r) => [r.uid, r]));
      state.approvals = new Map(value.approvals.map((a) => [a.id, a]));
      state.loaded = true;
      break;
    case "status":
      takeStatus(value);
      break;
    case "rollout":
      state.rollouts.set(value.uid, value);
      break;
    case "gone":
      state.rollouts.delete(value.uid);
      break;
    case "approval":
      if (value.state === "open") state.approvals.set(value.id, value);
      else state.approvals.delete(value.id);
      break;
    default:
  }
  tell(kind, value);
}

export function openApprovals() {
  return [...state.approvals.values()].sort((a, b) => (a.openedAt < b.openedAt ? -1 : 1));
}

export function find(ns, name) {
  for (const r of state.rollouts.values()) if (r.ns === ns && r.name === name) return r;
  return undefined;
}

export function approvalOf(r) {
  for (const a of state.approvals.values()) if (a.uid === r.uid) return a;
  return undefined;
}

/** May the person use this right on what that policy governs? The service judges again. */
export function may(policy, right) {
  const s = state.session;
  if (!s?.person || s.person.scope === "read") return false;
  return Boolean(s.policies?.[policy || "default"]?.[right]);
}

export function needsReason(policy, verb) {
  return Boolean(state.session?.policies?.[policy || "default"]?.reasons?.includes(verb));
}

/** How a rollout stands, for its word and colour. */
export function standing(r) {
  if (r.invalid) return "invalid";
  if (r.suspended) return "suspended";
  if (r.gate) return r.gate.foreign ? "foreign" : "asking";
  if (r.paused) return "paused";
  return r.phase ?? "";
}

const TONES = {
  asking: "wait", foreign: "wait", paused: "wait", suspended: "quiet", invalid: "bad", Failed: "bad",
  Waiting: "wait", WaitingPromotion: "wait", Progressing: "move", Promoting: "move", Finalising: "move",
  Initializing: "move", Terminating: "move", Succeeded: "good", Initialized: "good",
};

export function tone(r) {
  return TONES[standing(r)] ?? "quiet";
}

const GROUPS = { asking: 0, invalid: 1, foreign: 2, paused: 2 };

/** What needs a person comes first, then what moves, then what failed, then the rest. */
export function rank(r) {
  const stands = standing(r);
  return GROUPS[stands] ?? (r.active ? 3 : stands === "Failed" ? 4 : 5);
}
