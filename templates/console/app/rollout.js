// One rollout: where it stands, what can be done, what it went through.
import { askCard, gateName, renew, since, voteLine } from "./ask.js";
import { confirm, toast } from "./dialog.js";
import { el, foreign, image, imageName, replace, short, text } from "./dom.js";
import { ladder, stateWord } from "./home.js";
import { act, ask } from "./service.js";
import { approvalOf, find, listen, may, needsReason, now, state, tone } from "./state.js";
import { Timeline } from "./timeline.js";
import { clock, dateTime, nextWord, t } from "./words.js";

const MOVING = ["Waiting", "Progressing", "WaitingPromotion"];
const ENDING = ["Promoting", "Finalising"];
const RIGHTS = { resume: "pause", restart: "promote" };
const REFRESH_MS = 120;

/** What the engine would not refuse. */
export function verbsOf(r) {
  if (r.invalid || r.completing) return [];
  const verbs = [];
  const moving = MOVING.includes(r.phase);
  if (moving) verbs.push("promote", r.paused ? "resume" : "pause");
  if (!r.active && r.phase === "Failed") verbs.push("restart");
  if (!r.active && r.phase === "Succeeded" && r.extension) verbs.push("complete");
  if (moving || (ENDING.includes(r.phase) && r.extension)) verbs.push("rollback");
  return verbs;
}

function pods(side) {
  const wanted = side.wanted ?? 0;
  const available = side.available ?? 0;
  const dots = Array.from({ length: Math.min(Math.max(wanted, available), 24) }, (_, i) =>
    el("i", { class: i < available ? "on" : "" }));
  return [el("span", { class: "pips", "aria-hidden": "true" }, dots),
    el("span", {}, t("page.pods", { ready: available, wanted }))];
}

export class RolloutPage {
  constructor(ns, name, run) {
    this.ns = ns;
    this.name = name;
    this.past = run; // a run that is over; undefined: the present one
    this.points = [];
    this.audit = [];
    this.detail = {};
    this.timeline = new Timeline();
    this.parts = Object.fromEntries(["head", "asking", "sides", "steps", "checks", "decisions", "changes", "podlist",
      "events", "runs"].map((part) => [part, el("div", { class: part })]));
    this.title = el("h1", { tabindex: "-1" });
    this.badge = el("span", { class: "badge" });
    this.node = el("div", { class: "page" });
    this.build();
    this.stop = listen((kind, value) => this.hear(kind, value));
    this.draw();
    this.load();
  }

  build() {
    const section = (key, ...content) => el("section", { class: "panel" }, el("h2", {}, t(key)), ...content);
    const p = this.parts;
    replace(this.node,
      el("p", { class: "crumb" }, el("a", { href: "#/" }, `← ${t("page.back")}`)),
      el("div", { class: "title" }, this.title, this.badge), p.head, p.asking,
      p.sides,
      section("page.steps", p.steps, p.checks),
      section("page.timeline", this.timeline.node),
      el("div", { class: "columns" },
        section("page.approvals", p.decisions), section("page.changes", p.changes),
        section("page.podlist", p.podlist), section("page.events", p.events), section("page.runs", p.runs)));
    p.podlist.parentNode.hidden = true;
  }

  destroy() {
    this.stop();
    this.timeline.destroy();
    clearTimeout(this.refresh);
    cancelAnimationFrame(this.frame);
  }

  get r() {
    return find(this.ns, this.name);
  }

  hear(kind, value) {
    const r = this.r;
    if (kind === "point") {
      if (value.uid === r?.uid) this.takePoint(value);
      return;
    }
    const mine = kind === "snapshot" || kind === "session" || kind === "status"
      || ((kind === "rollout" || kind === "approval") && value.uid === r?.uid)
      || (kind === "gone" && value.uid === this.uid);
    if (!mine) return;
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
    clearTimeout(this.refresh);
    this.refresh = setTimeout(() => this.load(), REFRESH_MS);
  }

  takePoint({ run, point }) {
    if (this.past) return;
    if (run !== this.run) { // a new run begins
      this.run = run;
      this.points = [];
    }
    this.points.push(point);
    if (point.did && point.warn) toast(point.did, true);
    this.drawTimeline();
    this.drawEvents();
  }

  /** Time goes on, also when nothing happens. */
  tick() {
    if (!this.past && this.r?.active && this.moving()) this.drawTimeline();
  }

  moving() {
    return this.timeline.follow && !state.staleSince;
  }

  // ---- what only the service knows ----

  async load() {
    const path = `/console/rollouts/${encodeURIComponent(this.ns)}/${encodeURIComponent(this.name)}`;
    try {
      const detail = await ask("GET", path);
      const { runs } = await ask("GET", `${path}/runs`);
      const run = this.past ?? detail.run;
      const shown = runs.find((each) => each.run === run);
      const object = `${detail.rollout.cluster}/${this.ns}/${this.name}`;
      const from = shown ? shown.startedAt - 5000 : 0;
      const to = this.past && shown?.endedAt ? shown.endedAt + 60000 : "";
      const [points, audit] = await Promise.all([
        run && (run !== this.run || !this.points.length) ? ask("GET", `/console/runs/${run}`) : null,
        ask("GET", `/console/audit?object=${encodeURIComponent(object)}&from=${from}${to && `&to=${to}`}&limit=300`),
      ]);
      Object.assign(this, { detail, runs, run, shown, audit: audit.audit });
      if (points) this.points = points.points.map((p) => JSON.parse(p.point));
      this.drawLoaded();
    } catch (problem) {
      if (problem.status !== 404 && problem.status !== 0) toast(problem.message, true);
    }
  }

  // ---- drawing ----

  draw() {
    const r = this.r;
    if (!r) {
      if (!state.loaded) return;
      text(this.title, this.name);
      this.badge.hidden = true;
      replace(this.parts.head, el("p", {}, t("page.gone")));
      for (const part of ["asking", "sides", "steps", "checks"]) replace(this.parts[part]);
      return;
    }
    this.uid = r.uid;
    this.drawHead(r);
    this.drawAsk(r);
    this.drawSides(r);
    this.drawSteps(r);
    this.drawChecks(r);
  }

  drawHead(r) {
    replace(this.title, foreign(r.name, 120));
    const buttons = this.past ? [] : verbsOf(r).map((verb) => el("button", {
      type: "button",
      class: verb === "rollback" ? "danger" : verb === "promote" && !r.gate ? "primary" : "",
      disabled: !may(r.policy, RIGHTS[verb] ?? verb) || Boolean(state.staleSince),
      onclick: () => this.use(verb),
    }, t(`verb.${verb}`)));
    this.badge.hidden = false;
    this.badge.dataset.tone = tone(r);
    text(this.badge, stateWord(r));
    replace(this.parts.head,
      el("p", { class: "quiet" }, foreign(`${r.ns} · ${r.cluster}`, 160),
        r.by && [" · ", foreign(t("page.by", { who: r.by }), 100)],
        r.revision && [" · ", foreign(t("page.revision", { revision: r.revision.slice(0, 12) }))],
        r.startedAt && [" · ", since(r.startedAt)]),
      this.past && el("p", { class: "notice" }, t("page.run.past"), " ",
        el("a", { href: `#/${encodeURIComponent(this.ns)}/${encodeURIComponent(this.name)}` }, t("page.run.back"))),
      r.invalid && el("p", { class: "notice bad" }, foreign(r.invalid)),
      buttons.length > 0 && el("div", { class: "buttons verbs" }, buttons));
  }

  async use(verb) {
    const { r } = this;
    if (!r) return;
    const name = short(r.name, 60);
    const values = {
      name, old: imageName(r.stable.images), new: imageName(r.canary.images), weight: r.weight ?? 0,
    };
    const answer = await confirm({
      title: t(`confirm.${verb}`, values),
      text: t(`confirm.${verb}.text`, values),
      action: t(`verb.${verb}`),
      danger: verb === "rollback" || verb === "complete",
      reason: needsReason(r.policy, verb) ? "needed" : "optional",
    });
    if (!answer) return;
    try {
      const done = await act(r, verb, { reason: answer.reason, ...(verb === "rollback" ? {} : { revision: r.revision }) });
      toast(done.text);
    } catch (problem) {
      toast(problem.message, true);
    }
  }

  drawAsk(r) {
    const a = this.past ? undefined : approvalOf(r);
    const old = this.parts.asking.firstElementChild;
    const look = JSON.stringify([a, r.weight]);
    if (old?.look === look) return;
    if (!a) {
      replace(this.parts.asking);
      return;
    }
    const card = askCard(a, r, "h2", false);
    card.look = look;
    if (old) renew(old, card);
    else this.parts.asking.append(card);
  }

  drawSides(r) {
    const side = (key, s, weight, kind) => el("section", { class: `side ${kind}` },
      el("h2", {}, t(key)),
      el("p", { class: "big" }, image(s.images, 80)),
      el("p", {}, foreign(s.workload ?? "", 80)),
      el("p", { class: "pods" }, pods(s)),
      el("p", { class: "quiet" }, t("page.weight", { weight })));
    const weight = r.weight ?? 0;
    const bar = el("div", { class: "split", "aria-hidden": "true" }, el("i", {}), el("b", {}));
    bar.lastChild.style.width = `${weight}%`;
    replace(this.parts.sides, side("page.stable", r.stable, 100 - weight, "stable"),
      side("page.canary", r.canary, weight, "canary"), bar);
  }

  drawSteps(r) {
    const weights = r.weights ?? [];
    const current = r.step ?? 0;
    const gates = new Set(r.gates ?? []);
    const step = (label, stands, gate) => el("li", { class: stands, "aria-current": stands === "here" ? "step" : null },
      gate && el("span", { class: "gate", title: gate, role: "img", "aria-label": gate }, "◆"), label);
    const last = r.phase === "WaitingPromotion" || ENDING.includes(r.phase);
    const place = (i) => {
      if (!r.active || r.phase === "Waiting") return r.phase === "Succeeded" ? "done" : "";
      return i < current || last ? "done" : i === current ? "here" : "";
    };
    const stepGate = gates.has("confirm-step") ? "confirm-step" : gates.has("confirm-traffic-increase")
      ? "confirm-traffic-increase" : null;
    const items = weights.map((w, i) => step(`${w}%`, place(i + 1),
      i === 0 && gates.has("confirm-rollout") ? gateName("confirm-rollout") : stepGate && gateName(stepGate, w)));
    const promoting = last ? "here" : r.phase === "Succeeded" ? "done" : "";
    items.push(step(t("verb.promote"), promoting, gates.has("confirm-promotion") && gateName("confirm-promotion")));
    replace(this.parts.steps,
      weights.length > 0 ? el("ol", { class: "stairs" }, items) : ladder(r),
      el("p", {}, r.steps > 0 && r.active && el("strong", {}, t("page.step.of", { step: current, steps: r.steps })),
        r.next && !r.gate && [el("span", { class: "quiet" }, ` ${t("page.next")}: `), foreign(nextWord(r.next))]),
      r.message && !r.gate && el("p", { class: "warning" }, `${t("page.message")}: `, foreign(r.message)));
  }

  drawChecks(r) {
    const checks = r.checks ?? [];
    replace(this.parts.checks, checks.length > 0 && el("ul", { class: "checks" }, checks.map((c) => {
      const word = !c.measured ? "unknown" : c.good ? "good" : "bad";
      return el("li", { class: word },
        el("span", { class: "mark", "aria-hidden": "true" }, { unknown: "…", good: "✓", bad: "✗" }[word]),
        foreign(c.name, 60), el("strong", {}, short(c.value ?? "", 20)),
        el("span", { class: "quiet" }, short(c.limit ?? "", 30), ` ${t(`page.check.${word}`)}`));
    })),
    r.failed > 0 && el("p", { class: "warning" }, t("page.failed", { count: r.failed, threshold: r.threshold ?? 0 })));
  }

  // ---- what was loaded ----

  drawLoaded() {
    this.drawTimeline();
    this.drawEvents();
    this.drawDecisions();
    this.drawChanges();
    this.drawPods();
    this.drawRuns();
  }

  drawTimeline() {
    const live = !this.past && this.r?.active;
    this.timeline.set(this.points, this.audit, live ? now() : this.shown?.endedAt ?? 0);
  }

  drawEvents() {
    const said = this.points.filter((p) => p.say || p.did).slice(-200).reverse();
    replace(this.parts.events, said.length
      ? el("ol", { class: "log" }, said.map((p) => el("li", { class: p.warn ? "warn" : "" },
        el("time", { datetime: new Date(p.t).toISOString() }, clock(p.t)), foreign(p.say ?? p.did))))
      : el("p", { class: "quiet" }, t("page.events.none")));
  }

  drawDecisions() {
    const object = `${this.detail.rollout.cluster}/${this.ns}/${this.name}`;
    const link = el("p", {}, el("a", { href: `#/audit/${encodeURIComponent(object)}` }, t("page.audit")));
    if (this.past) {
      const rows = this.audit.filter((a) => /^(vote|verb)\./.test(a.action)).reverse();
      replace(this.parts.decisions, rows.length
        ? el("ol", { class: "log" }, rows.map((a) => el("li", {}, el("time", {}, clock(a.at)),
          el("span", {}, foreign(a.actor, 60), ` ${a.action} `, a.reason && foreign(a.reason)))))
        : el("p", { class: "quiet" }, t("page.approvals.none")), link);
      return;
    }
    const list = this.detail.approvals;
    replace(this.parts.decisions, list.length ? list.map((a) => el("div", { class: "decision", "data-state": a.state },
      el("h3", {}, gateName(a.type, a.weight), " ", el("span", { class: "badge",
        "data-tone": { approved: "good", open: "wait", rejected: "bad" }[a.state] ?? "quiet" }, t(`approval.${a.state}`))),
      a.decidedBy && el("p", { class: "quiet" }, foreign(a.decidedBy, 100), a.decidedAt
        && [" · ", since(Date.parse(a.decidedAt))]),
      el("ul", { class: "votes" }, a.votes.map(voteLine)))) : el("p", { class: "quiet" }, t("page.approvals.none")), link);
  }

  drawChanges() {
    const r = this.detail.rollout;
    const old = this.past ? this.shown?.oldImage : r.stable.images;
    const fresh = this.past ? this.shown?.newImage : r.canary.images;
    const rows = [];
    if (old && fresh && old !== fresh) rows.push([t("page.changes.image"), old, fresh]);
    for (const c of (this.past ? [] : this.detail.changes ?? [])) rows.push([c.path, c.from, c.to]);
    replace(this.parts.changes, rows.length
      ? el("dl", { class: "diff" }, rows.flatMap(([what, from, to]) => [el("dt", {}, foreign(what, 120)),
        el("dd", {}, el("del", {}, foreign(from ?? "–", 300)), " ", el("ins", {}, foreign(to ?? "–", 300)))]))
      : el("p", { class: "quiet" }, t("page.changes.none")));
  }

  drawPods() {
    const list = this.past ? [] : this.detail.pods ?? [];
    this.parts.podlist.parentNode.hidden = !list.length;
    replace(this.parts.podlist, el("ul", { class: "podlist" }, list.map((p) => el("li", { class: p.ready ? "good" : "" },
      el("span", { class: "mark", "aria-hidden": "true" }, p.ready ? "●" : "○"), foreign(p.name, 80),
      el("span", { class: "quiet" }, [p.phase, p.address, p.restarts ? `↻ ${p.restarts}` : ""].filter(Boolean)
        .map((part) => short(part, 60)).join(" · "))))));
  }

  drawRuns() {
    const base = `#/${encodeURIComponent(this.ns)}/${encodeURIComponent(this.name)}`;
    const present = this.detail.run;
    const runs = this.runs ?? [];
    replace(this.parts.runs, runs.length > 1 || this.past ? el("ol", { class: "log runs" }, runs.map((each) =>
      el("li", { "aria-current": each.run === this.run ? "true" : null },
        el("a", { href: each.run === present ? base : `${base}/run/${each.run}` }, dateTime(each.startedAt)),
        el("span", {}, image(each.oldImage, 30), " → ", image(each.newImage, 30), " ",
          el("span", { class: "quiet" }, each.run === present && !each.endedAt ? t("page.run.now")
            : t(`state.${each.phase}`)))))) : el("p", { class: "quiet" }, t("page.runs.none")));
  }
}

