// What waits for a person, and every rollout.
import { askCard, gateName, renew, since } from "./ask.js";
import { el, foreign, image, imageChange, replace, text } from "./dom.js";
import { listen, openApprovals, rank, standing, state, tone } from "./state.js";
import { nextWord, t } from "./words.js";

const FILTERS = { all: () => true, active: (r) => r.active || rank(r) < 4, trouble: (r) => tone(r) === "bad" };

let filter = "";
let chosen = "all";

export function pageOf(r) {
  return `#/${encodeURIComponent(r.ns)}/${encodeURIComponent(r.name)}`;
}

export function stateWord(r) {
  const stands = standing(r);
  if (stands === "foreign") return t("state.foreign", { name: r.gate.name || r.gate.type });
  return t(`state.${stands}`);
}

/** The ladder in small: one piece a step, filled as far as the weight has come. */
export function ladder(r) {
  const weights = r.weights ?? [];
  const weight = r.weight ?? 0;
  let from = 0;
  const pieces = weights.map((to) => {
    const part = el("i", {}, el("b", {}));
    const done = to > from ? Math.max(0, Math.min(1, (weight - from) / (to - from))) : Number(weight >= to);
    part.style.flexGrow = Math.max(to - from, 1);
    part.firstChild.style.width = `${done * 100}%`;
    from = to;
    return part;
  });
  if (!pieces.length) {
    const part = el("i", {}, el("b", {}));
    part.firstChild.style.width = r.steps ? `${(100 * (r.step ?? 0)) / r.steps}%` : `${weight}%`;
    pieces.push(part);
  }
  return el("span", { class: "ladder", role: "img", "aria-label": t("page.weight", { weight }) }, pieces);
}

function note(r) {
  if (r.invalid) return r.invalid;
  if (r.gate && !r.gate.foreign) return gateName(r.gate.type, r.gate.weight);
  if (r.active) return nextWord(r.next);
  return r.phase === "Failed" ? r.message ?? "" : "";
}

// ---- one row ----

class Row {
  constructor(r) {
    this.word = el("span", { class: "word" });
    this.link = el("a", { class: "name" });
    this.place = el("span", { class: "quiet" });
    this.change = el("span", { class: "change" });
    this.progress = el("span", { class: "progress" });
    this.note = el("span", { class: "quiet note" });
    this.when = el("span", { class: "quiet when" });
    this.node = el("li", { class: "row" }, this.word,
      el("span", { class: "who" }, this.link, this.place), this.change,
      el("span", { class: "where" }, this.progress, this.note), this.when);
    this.update(r);
  }

  update(r) {
    this.r = r;
    this.rank = rank(r);
    this.node.dataset.tone = tone(r);
    text(this.word, stateWord(r));
    this.link.href = pageOf(r);
    replace(this.link, foreign(r.name, 80));
    replace(this.place, foreign(r.ns, 80));
    const moves = r.active && r.stable.images !== r.canary.images;
    replace(this.change, moves ? imageChange(r.stable.images, r.canary.images, 32)
      : image(r.stable.images || r.canary.images, 40));
    replace(this.progress, r.active ? [ladder(r), el("span", { class: "percent" }, `${r.weight ?? 0}%`)] : []);
    replace(this.note, foreign(note(r), 120));
    replace(this.when, r.changedAt ? since(r.changedAt) : "");
    this.sought = `${r.name} ${r.ns} ${r.stable.images ?? ""} ${r.canary.images ?? ""}`.toLowerCase();
  }

  fits() {
    return FILTERS[chosen](this.r) && this.sought.includes(filter);
  }
}

function order(a, b) {
  if (a.rank !== b.rank) return a.rank - b.rank;
  return a.r.ns < b.r.ns ? -1 : a.r.ns > b.r.ns ? 1 : a.r.name < b.r.name ? -1 : 1;
}

// ---- the page ----

export class Home {
  constructor() {
    this.rows = new Map();
    this.asks = new Map();
    this.title = el("h1", { tabindex: "-1" });
    this.waiting = el("div", { class: "asks" });
    this.count = el("span", { class: "quiet", role: "status" });
    this.list = el("ul", { class: "rows" });
    this.none = el("p", { class: "empty", hidden: true });
    this.search = el("input", {
      type: "search", id: "filter", value: filter, placeholder: t("home.filter"), "aria-label": t("home.filter"),
      oninput: (event) => {
        filter = event.target.value.trim().toLowerCase();
        this.sift();
      },
    });
    this.node = el("div", { class: "home" },
      el("section", { "aria-labelledby": "waiting-title" }, this.title, this.waiting),
      el("section", { "aria-labelledby": "rollouts-title" },
        el("div", { class: "bar" },
          el("h2", { id: "rollouts-title" }, t("home.rollouts")), this.count, this.search, this.tabs()),
        el("div", { class: "row head", "aria-hidden": "true" },
          ["list.state", "list.name", "list.change", "list.progress", "list.since"].map((k) => el("span", {}, t(k)))),
        this.list, this.none));
    this.title.id = "waiting-title";
    this.dirty = new Set();
    this.stop = listen((kind, value) => this.hear(kind, value));
    this.drawAll();
  }

  tabs() {
    return el("div", { class: "tabs", role: "group", "aria-label": t("home.show") }, Object.keys(FILTERS).map((name) =>
      el("button", {
        type: "button",
        "aria-pressed": String(name === chosen),
        onclick: (event) => {
          chosen = name;
          for (const b of event.currentTarget.parentNode.children) b.ariaPressed = String(b === event.currentTarget);
          this.sift();
        },
      }, t(`home.${name}`))));
  }

  destroy() {
    this.stop();
    cancelAnimationFrame(this.frame);
  }

  /** Many events in one turn are drawn once. */
  hear(kind, value) {
    if (kind === "rollout" || kind === "gone") this.dirty.add(value.uid);
    else if (kind === "approval") this.dirtyAsks = true;
    else if (kind === "snapshot" || kind === "session") this.dirtyAll = true;
    else return;
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.frame = 0;
    if (this.dirtyAll) {
      this.drawAll();
      return;
    }
    const asked = [...this.dirty].some((uid) => [...state.approvals.values()].some((a) => a.uid === uid));
    for (const uid of this.dirty) this.drawRow(uid);
    if (this.dirtyAsks || asked) this.drawAsks();
    this.dirty.clear();
    this.dirtyAsks = false;
    this.sift();
  }

  drawAll() {
    this.dirty.clear();
    this.dirtyAll = this.dirtyAsks = false;
    for (const r of state.rollouts.values()) {
      const row = this.rows.get(r.uid);
      if (row) row.update(r);
      else this.rows.set(r.uid, new Row(r));
    }
    for (const [uid, row] of this.rows) {
      if (state.rollouts.has(uid)) continue;
      row.node.remove();
      this.rows.delete(uid);
    }
    this.list.append(...[...this.rows.values()].sort(order).map((row) => row.node));
    for (const card of this.asks.values()) card.remove();
    this.asks.clear();
    this.drawAsks();
    this.sift();
  }

  drawRow(uid) {
    const r = state.rollouts.get(uid);
    let row = this.rows.get(uid);
    if (!r) {
      row?.node.remove();
      this.rows.delete(uid);
      return;
    }
    const before = row?.rank;
    if (row) row.update(r);
    else this.rows.set(uid, row = new Row(r));
    if (row.rank !== before) this.place(row);
  }

  /** Between its neighbours, without touching the others. */
  place(row) {
    const others = [...this.rows.values()].filter((o) => o !== row && o.node.isConnected && order(row, o) < 0);
    const next = others.reduce((best, o) => (!best || order(o, best) < 0 ? o : best), null);
    const held = row.node.contains(document.activeElement);
    this.list.insertBefore(row.node, next?.node ?? null);
    if (held) row.link.focus();
  }

  drawAsks() {
    const open = openApprovals();
    const wanted = new Set(open.map((a) => a.id));
    for (const [id, card] of this.asks) {
      if (wanted.has(id)) continue;
      card.remove();
      this.asks.delete(id);
    }
    for (const a of open) {
      const look = JSON.stringify([a, state.rollouts.get(a.uid)?.weight]);
      const old = this.asks.get(a.id);
      if (old?.look === look) continue;
      const card = askCard(a, state.rollouts.get(a.uid));
      card.look = look;
      if (old) renew(old, card);
      else this.waiting.append(card);
      this.asks.set(a.id, card);
    }
    text(this.title, open.length > 1 ? t("home.waits.n", { count: open.length }) : t(`home.waits.${open.length}`));
    this.title.classList.toggle("calm", !open.length);
  }

  sift() {
    let shown = 0;
    for (const row of this.rows.values()) {
      const fits = row.fits();
      if (row.node.hidden === fits) row.node.hidden = !fits;
      shown += fits;
    }
    text(this.count, t("home.count", { shown, count: this.rows.size }));
    this.none.hidden = shown > 0 || !state.loaded;
    text(this.none, t(this.rows.size ? "home.none" : "home.empty"));
  }

  /** Keys: the next or previous row that is shown. */
  move(by) {
    const links = [...this.list.querySelectorAll(".row:not([hidden]) a.name")];
    const at = links.indexOf(document.activeElement);
    links[Math.max(0, Math.min(links.length - 1, at + by))]?.focus();
  }
}

