// The record: who did what.
import { toast } from "./dialog.js";
import { el, foreign, replace } from "./dom.js";
import { ask } from "./service.js";
import { dateTime, t } from "./words.js";

const PAGE = 100;

export class AuditPage {
  constructor(object) {
    this.object = object;
    this.body = el("tbody");
    this.title = el("h1", { tabindex: "-1" });
    replace(this.title, object ? foreign(t("audit.of", { object }), 160) : t("audit.title"));
    this.more = el("button", { type: "button", hidden: true, onclick: () => this.load() }, t("audit.more"));
    this.none = el("p", { class: "empty", hidden: true }, t("audit.none"));
    const heads = ["time", "who", "what", "object", "outcome", "reason"];
    this.node = el("div", { class: "page" }, this.title,
      el("p", { class: "quiet" }, t("audit.intro"), object && [" ", el("a", { href: "#/audit" }, t("audit.all"))]),
      el("table", { class: "audit" },
        el("thead", {}, el("tr", {}, heads.map((h) => el("th", { scope: "col" }, t(`audit.${h}`))))), this.body),
      this.none, el("p", {}, this.more));
    this.before = "";
    this.load();
  }

  destroy() {
    this.gone = true;
  }

  async load() {
    this.more.disabled = true;
    try {
      const { audit } = await ask("GET", `/console/audit?limit=${PAGE}&object=${encodeURIComponent(this.object ?? "")}`
        + (this.before && `&before=${this.before}`));
      if (this.gone) return;
      this.body.append(...audit.map((row) => this.row(row)));
      this.before = audit.length ? audit[audit.length - 1].seq : this.before;
      this.more.hidden = audit.length < PAGE;
      this.none.hidden = this.body.children.length > 0;
    } catch (problem) {
      toast(problem.message, true);
    }
    this.more.disabled = false;
  }

  row(a) {
    const cell = (key, content) => el("td", { "data-label": t(`audit.${key}`) }, content);
    return el("tr", { "data-outcome": a.outcome },
      cell("time", el("time", { datetime: new Date(a.at).toISOString() }, dateTime(a.at))),
      cell("who", [foreign(a.actor, 60), a.identity && a.identity !== a.actor
        && el("span", { class: "quiet identity" }, foreign(a.identity, 80))]),
      cell("what", foreign(a.action, 60)), cell("object", foreign(a.object, 120)),
      cell("outcome", foreign(a.outcome, 40)), cell("reason", foreign(a.reason, 300)));
  }
}
