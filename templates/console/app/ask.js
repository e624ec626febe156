// A question to people: what it is about, who was asked, and the two answers.
import { confirm, toast } from "./dialog.js";
import { el, foreign, imageChange, short } from "./dom.js";
import { act } from "./service.js";
import { may, needsReason, now, state } from "./state.js";
import { ago, clock, t, tt } from "./words.js";

const NAME_MAX = 60;

/** A moment that stays true: main.js brings its text up to date. */
export function since(ms) {
  const node = el("time", { "data-at": ms, datetime: new Date(ms).toISOString(), title: new Date(ms).toLocaleString() });
  node.textContent = ago(now() - ms);
  return node;
}

export function askTitle(a, from) {
  return tt([`ask.${a.type}`, "ask.other"], { name: short(a.name, NAME_MAX), from: from ?? 0, to: a.weight });
}

export function gateName(type, weight) {
  return tt([`gate.${type}`, "gate.other"], { weight });
}

function effect(a) {
  if (a.type === "confirm-rollout" && !a.weight) return t("ask.effect.first");
  return tt([`ask.effect.${a.type}`, "ask.effect.other"], { to: a.weight });
}

export function voterName(v) {
  return v.user || v.name || v.id;
}

export function voteLine(v) {
  return el("li", { class: v.verb === "approve" ? "vote good" : "vote bad" },
    el("span", { class: "mark", "aria-hidden": "true" }, v.verb === "approve" ? "✓" : "✗"),
    el("span", {}, foreign(voterName(v), NAME_MAX), ` ${t(`vote.${v.verb}`)} `,
      el("span", { class: "quiet" }, t("vote.via", { platform: v.via }), " · ", since(Date.parse(v.at))),
      v.reason && el("span", { class: "reason" }, foreign(v.reason))));
}

function myVote(a) {
  const me = state.session?.person;
  return [...a.votes].reverse().find((v) => me && (voterName(v) === me.name || `${v.platform}:${v.id}` === me.identity));
}

async function send(a, verb, reason, buttons) {
  for (const b of buttons) b.disabled = true;
  try {
    const answer = await act({ ns: a.namespace, name: a.name }, verb,
      { request: a.id, revision: a.revision, reason });
    toast(answer.text);
  } catch (problem) {
    toast(problem.message, true);
  }
  for (const b of buttons) b.disabled = false;
}

/** The form below a question; hint: why there is none. */
function answers(a) {
  if (state.session?.person?.scope === "read") return el("p", { class: "quiet" }, t("ask.read_only"));
  if (!may(a.policy, "approve")) return el("p", { class: "quiet" }, t("ask.may_not"));
  const id = `reason-${a.id}`;
  const needed = needsReason(a.policy, "approve");
  const reason = el("input", { id, maxlength: 1000, autocomplete: "off", required: needed });
  const approve = el("button", { type: "submit", class: "primary" }, t("ask.approve"));
  const reject = el("button", {
    type: "button",
    class: "danger",
    onclick: async () => {
      const answer = await confirm({
        title: t("ask.reject.title", { name: short(a.name, NAME_MAX) }),
        text: t("ask.reject.text"),
        action: t("ask.reject"),
        danger: true,
        reason: reason.value.trim() ? "none" : needsReason(a.policy, "reject") ? "needed" : "optional",
      });
      if (answer) await send(a, "reject", answer.reason || reason.value.trim(), [approve, reject]);
    },
  }, t("ask.reject"));
  return el("form", {
    class: "answers",
    onsubmit: (event) => {
      event.preventDefault();
      send(a, "approve", reason.value.trim(), [approve, reject]);
    },
  },
  el("div", { class: "field" }, el("label", { for: id }, t(needed ? "ask.reason" : "ask.reason.optional")), reason),
  el("div", { class: "buttons" }, reject, approve));
}

/** The whole question. r: its rollout, when it is known; heading: the tag of its title. */
export function askCard(a, r, heading = "h2", linked = true) {
  const weight = r?.weight ?? 0;
  const mine = myVote(a);
  const title = askTitle(a, weight);
  const page = `#/${encodeURIComponent(a.namespace)}/${encodeURIComponent(a.name)}`;
  return el("article", { class: "ask", "data-approval": a.id, "aria-label": title },
    el("div", { class: "ask-text" },
      el(heading, {}, linked ? el("a", { href: page }, title) : title),
      el("p", { class: "change" }, imageChange(a.oldImage, a.newImage)),
      el("p", {}, effect(a)),
      el("p", { class: "quiet" },
        foreign(`${a.namespace} · ${a.cluster}`, 120), " · ",
        a.requestedBy ? foreign(t("ask.by", { who: a.requestedBy }), 100) : t("ask.by.unknown"), " · ",
        since(Date.parse(a.openedAt)),
        a.deadlineAt && ` · ${t("ask.until", { time: clock(Date.parse(a.deadlineAt)) })}`)),
    el("div", { class: "ask-votes" },
      el("p", { class: "tally" },
        el("span", { class: "pips", "aria-hidden": "true" },
          Array.from({ length: Math.min(a.quorum || 1, 10) }, (_, i) => el("i", { class: i < a.approvals ? "on" : "" }))),
        el("strong", {}, t("ask.votes", { given: a.approvals, needed: a.quorum }))),
      el("p", { class: "quiet" }, foreign(t("ask.policy", { policy: a.policy, who: a.approvers.join(", ") }), 160)),
      a.votes.length > 0 && el("ul", { class: "votes" }, a.votes.map(voteLine)),
      mine && el("p", { class: "mine" }, t("ask.voted", { verb: t(`vote.${mine.verb}`) })),
      answers(a)));
}

/** Puts a newer card in an old one's place; what a person is typing stays, and so does the focus. */
export function renew(old, fresh) {
  const before = old.querySelector(".answers input");
  const after = fresh.querySelector(".answers input");
  const focused = document.activeElement;
  const place = focused && old.contains(focused) ? [...old.querySelectorAll("a, button, input")].indexOf(focused) : -1;
  if (before && after) after.value = before.value;
  old.replaceWith(fresh);
  if (place >= 0) fresh.querySelectorAll("a, button, input")[place]?.focus();
}
