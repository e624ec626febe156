// One time axis: the canary's weight, each metric with its limit, and what was decided and said. A cursor walks over it,
// by pointer or keys, which is also how a run is replayed.
import { el, foreign, replace, short, svg } from "./dom.js";
import { clock, dateTime, t } from "./words.js";

const LEFT = 8;
const RIGHT = 52;
const WEIGHT_HEIGHT = 120;
const METRIC_HEIGHT = 64;
const MARKS_HEIGHT = 34;
const GAP = 26;
const PLAY_MS = 450;
const DOTS_MAX = 300; // of one metric; more are a line, and those that failed
const TICKS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400].map((s) => s * 1000);

/** The number at the front of "99.97%" or "41.20", or of a limit ">= 99". */
export function numberOf(text) {
  const found = /-?\d+(\.\d+)?/.exec(text ?? "");
  return found ? Number(found[0]) : null;
}

/** Metrics of the points, in the order of their first appearance: [{name, limit, values: [{t, v, text, good}]}]. */
export function metricsOf(points) {
  const metrics = new Map();
  for (const p of points) {
    for (const [name, value, limit, good] of p.c ?? []) {
      const v = numberOf(value);
      if (v === null) continue;
      if (!metrics.has(name)) metrics.set(name, { name, limit, values: [] });
      const m = metrics.get(name);
      m.limit = limit;
      m.values.push({ t: p.t, v, text: value, good });
    }
  }
  return [...metrics.values()];
}

/** What happened, besides where it stood: decisions of the record and what was said. */
export function marksOf(points, audit) {
  const said = points.filter((p) => p.say || p.did)
    .map((p) => ({ t: p.t, kind: p.warn ? "warn" : "said", text: p.say ?? p.did }));
  const decided = audit.filter((a) => a.action.startsWith("vote.") || a.action.startsWith("verb.")
      || a.action === "request.opened")
    .map((a) => ({
      t: a.at,
      kind: a.outcome === "refused" ? "refused" : a.action === "request.opened" ? "asked"
        : /approve|promote|resume/.test(a.action) ? "yes" : "no",
      text: `${a.actor}: ${a.action.replace(/^\w+\./, "")}${a.reason ? ` – ${a.reason}` : ""}`,
      who: a.actor,
    }));
  return [...said, ...decided].sort((a, b) => a.t - b.t);
}

function ticks(from, to, room) {
  const most = Math.max(2, Math.floor(room / 90));
  const step = TICKS.find((s) => (to - from) / s <= most) ?? TICKS[TICKS.length - 1];
  const found = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) found.push(at);
  return found;
}

function range(values, limit) {
  const all = [...values.map((v) => v.v), ...(limit === null ? [] : [limit])];
  let low = Math.min(...all);
  let high = Math.max(...all);
  if (high - low < 1e-9) {
    low -= Math.abs(low) * 0.1 || 1;
    high += Math.abs(high) * 0.1 || 1;
  }
  const room = (high - low) * 0.12;
  return [low - room, high + room];
}

export class Timeline {
  constructor() {
    this.figure = el("div", { class: "chart" });
    this.readout = el("p", { class: "readout" });
    this.slider = el("input", {
      type: "range", min: 0, max: 0, value: 0, "aria-label": t("chart.scrub"),
      oninput: () => this.moveTo(Number(this.slider.value)),
    });
    this.play = el("button", { type: "button", onclick: () => this.toggle() }, t("chart.play"));
    this.table = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("chart.table") });
    this.details = el("details", { ontoggle: () => this.fillTable() },
      el("summary", {}, t("chart.table")), this.table);
    this.node = el("div", { class: "timeline" }, this.readout, this.figure,
      el("div", { class: "scrub" }, this.play, this.slider), this.details);
    this.at = -1;
    this.follow = true; // the newest moment, until somebody looks at another
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.figure);
    this.set([], [], 0);
  }

  destroy() {
    this.observer.disconnect();
    clearInterval(this.timer);
    cancelAnimationFrame(this.frame);
  }

  /** points and audit as the service gives them; end: of the axis, 0 now. */
  set(points, audit, end) {
    this.points = points.filter((p) => "p" in p || p.r);
    this.marks = marksOf(points, audit);
    this.metrics = metricsOf(points);
    this.moments = [...new Set([...this.points.map((p) => p.t), ...this.marks.map((m) => m.t)])].sort((a, b) => a - b);
    this.end = end;
    this.slider.max = Math.max(0, this.moments.length - 1);
    if (this.follow) this.at = this.moments.length - 1;
    this.slider.value = this.at;
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
    this.read();
    if (this.details.open) this.fillTable();
  }

  scale() {
    const from = this.moments[0];
    const to = Math.max(this.moments[this.moments.length - 1], this.end || 0, from + 10000);
    const width = Math.max(this.figure.clientWidth, 240);
    return { from, to, width, x: (at) => LEFT + ((at - from) / (to - from)) * (width - LEFT - RIGHT) };
  }

  draw() {
    if (!this.moments.length || !this.figure.isConnected) {
      this.figure.replaceChildren();
      return;
    }
    const s = this.scale();
    const parts = [];
    let y = 18;
    parts.push(...this.drawWeights(s, y));
    y += WEIGHT_HEIGHT + GAP;
    for (const m of this.metrics) {
      parts.push(...this.drawMetric(s, y, m));
      y += METRIC_HEIGHT + GAP;
    }
    const marksAt = y;
    const height = y + MARKS_HEIGHT + 22;
    const axis = ticks(s.from, s.to, s.width).flatMap((at) => [
      svg("line", { class: "tick", x1: s.x(at), x2: s.x(at), y1: 18, y2: height - 20 }),
      svg("text", { class: "axis", x: Math.max(s.x(at), 28), y: height - 5, "text-anchor": "middle" }, clock(at)),
    ]);
    this.cursor = svg("line", { class: "cursor", y1: 14, y2: height - 20 });
    const picture = svg("svg", {
      role: "img", width: s.width, height, viewBox: `0 0 ${s.width} ${height}`,
      "aria-label": t("chart.summary", { from: dateTime(s.from), to: dateTime(s.to) }),
    }, axis, parts, this.drawMarks(s, marksAt), this.cursor);
    picture.addEventListener("pointermove", (event) => this.point(event, s));
    this.figure.replaceChildren(picture);
    this.placeCursor();
  }

  drawWeights(s, y) {
    const h = WEIGHT_HEIGHT;
    const level = (w) => y + h - (w / 100) * h;
    let line = "";
    let last = 0;
    this.points.forEach((p, i) => {
      const w = p.w ?? 0;
      line += i ? `H${s.x(p.t)}V${level(w)}` : `M${s.x(p.t)} ${level(w)}`;
      last = w;
    });
    const end = s.x(Math.max(this.end || 0, this.points.length ? this.points[this.points.length - 1].t : s.from));
    line += `H${end}`;
    const start = this.points.length ? s.x(this.points[0].t) : end;
    return [
      svg("text", { class: "lane", x: LEFT, y: y - 6 }, t("chart.weight")),
      ...[0, 50, 100].flatMap((w) => [
        svg("line", { class: "grid", x1: LEFT, x2: s.width - RIGHT, y1: level(w), y2: level(w) }),
        svg("text", { class: "axis", x: s.width - RIGHT + 6, y: level(w) + 4 }, `${w}%`),
      ]),
      this.points.length > 0 && svg("path", { class: "area", d: `${line}V${level(0)}H${start}Z` }),
      this.points.length > 0 && svg("path", { class: "weight", d: line }),
      this.points.length > 0 && svg("circle", { class: "dot", cx: end, cy: level(last), r: 3.5 }),
    ].filter(Boolean);
  }

  drawMetric(s, y, m) {
    const h = METRIC_HEIGHT;
    const limit = numberOf(m.limit);
    const [low, high] = range(m.values, limit);
    const level = (v) => y + h - ((v - low) / (high - low)) * h;
    const line = m.values.map((v, i) => `${i ? "L" : "M"}${s.x(v.t)} ${level(v.v)}`).join("");
    const last = m.values[m.values.length - 1];
    return [
      svg("text", { class: "lane", x: LEFT, y: y - 6 }, short(m.name, 40),
        svg("tspan", { class: "quiet" }, `  ${short(m.limit ?? "", 20)}`)),
      svg("line", { class: "grid", x1: LEFT, x2: s.width - RIGHT, y1: y + h, y2: y + h }),
      limit !== null && svg("line", {
        class: "limit", x1: LEFT, x2: s.width - RIGHT, y1: level(limit), y2: level(limit),
      }),
      svg("path", { class: "metric", d: line }),
      ...m.values.filter((v) => !v.good || m.values.length <= DOTS_MAX).map((v) => svg("circle", {
        class: v.good ? "value" : "value bad", cx: s.x(v.t), cy: level(v.v), r: v.good ? 2 : 3.5,
      })),
      svg("text", { class: last.good ? "axis" : "axis bad", x: s.width - RIGHT + 6, y: level(last.v) + 4 },
        short(last.text, 8)),
    ].filter(Boolean);
  }

  drawMarks(s, y) {
    const middle = y + MARKS_HEIGHT / 2;
    const shapes = {
      yes: "M-6 0L-2 4L6 -5", no: "M-5 -5L5 5M5 -5L-5 5", asked: "M0 -6L6 0L0 6L-6 0Z",
      refused: "M-5 0H5", warn: "M0 -6L6 5H-6Z", said: "M0 -3A3 3 0 1 0 .01 -3Z",
    };
    return [
      svg("text", { class: "lane", x: LEFT, y: y - 6 }, t("chart.decisions")),
      ...this.marks.flatMap((m) => [
        m.who && svg("line", { class: `rule ${m.kind}`, x1: s.x(m.t), x2: s.x(m.t), y1: 18, y2: middle - 8 }),
        svg("path", { class: `mark ${m.kind}`, d: shapes[m.kind], transform: `translate(${s.x(m.t)} ${middle})` },
          svg("title", {}, `${clock(m.t)} ${short(m.text, 200)}`)),
      ]).filter(Boolean),
    ];
  }

  // ---- the cursor ----

  point(event, s) {
    const box = event.currentTarget.getBoundingClientRect();
    const at = s.from + ((event.clientX - box.left - LEFT) / (s.width - LEFT - RIGHT)) * (s.to - s.from);
    let best = 0;
    this.moments.forEach((m, i) => {
      if (Math.abs(m - at) < Math.abs(this.moments[best] - at)) best = i;
    });
    this.moveTo(best);
  }

  moveTo(i) {
    this.at = i;
    this.follow = i === this.moments.length - 1;
    this.slider.value = i;
    this.placeCursor();
    this.read();
  }

  placeCursor() {
    if (!this.cursor || this.at < 0) return;
    const x = this.scale().x(this.moments[this.at]);
    this.cursor.setAttribute("x1", x);
    this.cursor.setAttribute("x2", x);
  }

  toggle() {
    if (this.timer) {
      this.pause();
      return;
    }
    if (this.at >= this.moments.length - 1) this.moveTo(0);
    this.play.textContent = t("chart.stop");
    this.timer = setInterval(() => {
      if (this.at < this.moments.length - 1) this.moveTo(this.at + 1);
      else this.pause();
    }, PLAY_MS);
  }

  pause() {
    clearInterval(this.timer);
    this.timer = 0;
    this.play.textContent = t("chart.play");
  }

  pointAt(at) {
    let found = null;
    for (const p of this.points) {
      if (p.t > at) break;
      found = p;
    }
    return found;
  }

  read() {
    const at = this.moments[this.at];
    if (at === undefined) {
      replace(this.readout);
      return;
    }
    const p = this.pointAt(at);
    const here = this.marks.filter((m) => m.t === at);
    replace(this.readout, el("strong", {}, clock(at)), " ",
      p && `${t(`state.${p.p ?? ""}`)} · ${p.w ?? 0}%`,
      p?.c && ` · ${p.c.map(([name, value]) => `${short(name, 30)} ${value}`).join(" · ")}`,
      here.map((m) => [" · ", foreign(m.text, 160)]).flat());
    this.slider.setAttribute("aria-valuetext", this.readout.textContent);
  }

  /** The same for those who do not see the picture. */
  fillTable() {
    if (!this.details.open) return;
    const rows = this.moments.slice(-400).map((at) => {
      const p = this.pointAt(at);
      return el("tr", {}, el("th", { scope: "row" }, clock(at)),
        el("td", {}, p ? t(`state.${p.p ?? ""}`) : ""), el("td", {}, p ? `${p.w ?? 0}%` : ""),
        this.metrics.map((m) => el("td", {}, m.values.filter((v) => v.t <= at).pop()?.text ?? "")),
        el("td", {}, this.marks.filter((m) => m.t === at).map((m) => el("div", {}, foreign(m.text)))));
    });
    replace(this.table, el("table", {},
      el("thead", {}, el("tr", {}, [t("chart.time"), t("chart.state"), t("chart.weight"),
        ...this.metrics.map((m) => short(m.name, 40)), t("chart.what")].map((h) => el("th", { scope: "col" }, h)))),
      el("tbody", {}, rows)));
  }
}
