// The frame: who is here, which page, how fresh it is.
import { AuditPage } from "./audit.js";
import { show, toast } from "./dialog.js";
import { el, foreign, short, text } from "./dom.js";
import { Home } from "./home.js";
import { RolloutPage } from "./rollout.js";
import { ask, connect, disconnect, loadSession } from "./service.js";
import { listen, now, openApprovals, state, tell } from "./state.js";
import { ago, clock, dateTime, language, locale, setLanguage, t } from "./words.js";

const THEMES = ["auto", "light", "dark"];
const TIMES_MS = 5000;

let page = null;
let frame = null;

// ---- theme ----

function theme() {
  const kept = localStorage.getItem("rollcall.theme");
  return THEMES.includes(kept) ? kept : "auto";
}

function applyTheme(name) {
  localStorage.setItem("rollcall.theme", name);
  document.documentElement.dataset.theme = name;
}

// ---- signing in ----

async function signIn(body) {
  try {
    await ask("POST", "/console/session", body);
    await begin();
  } catch (problem) {
    toast(problem.message, true);
  }
}

function signInPage() {
  const people = state.session?.people ?? [];
  const token = el("input", {
    id: "token", name: "token", type: "password", required: true, autocomplete: "current-password", spellcheck: "false",
  });
  return el("main", { id: "main", class: "signin" },
    el("div", { class: "panel" },
      brand(),
      people.length > 0 && [el("h1", {}, t("signin.people")),
        el("div", { class: "people" }, people.map((name) =>
          el("button", { type: "button", onclick: () => signIn({ person: name }) }, foreign(name, 60)))),
        el("p", { class: "quiet" }, t("signin.people.hint"))],
      people.length > 0 ? el("h2", {}, t("signin.or")) : el("h1", {}, t("signin.title")),
      el("form", { onsubmit: (event) => { event.preventDefault(); signIn({ token: token.value.trim() }); } },
        el("label", { for: "token" }, t("signin.token")), token,
        el("p", { class: "quiet" }, t("signin.hint")),
        el("div", { class: "buttons" }, el("button", { type: "submit", class: "primary" }, t("signin.go")))),
      el("div", { class: "tools" }, languageButton(), themeButton())));
}

function signedOut() {
  if (!state.session?.person && frame === null) return;
  disconnect();
  page?.destroy();
  page = null;
  frame = null;
  state.session = { ...state.session, person: undefined };
  state.loaded = false;
  document.body.replaceChildren(signInPage());
}

// ---- the frame ----

function brand() {
  return el("span", { class: "brand" }, el("span", { class: "logo", "aria-hidden": "true" }), "rollcall");
}

function languageButton() {
  return el("button", {
    type: "button", class: "tool", title: t("app.language.title"), lang: language() === "zh" ? "en" : "zh-CN",
    onclick: () => { setLanguage(language() === "zh" ? "en" : "zh"); rebuild(); },
  }, t("app.language"));
}

function themeButton() {
  const label = () => t("app.theme", { theme: t(`theme.${theme()}`) });
  const button = el("button", {
    type: "button", class: "tool", "aria-label": label(), title: label(),
    onclick: () => {
      applyTheme(THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]);
      button.ariaLabel = button.title = label();
    },
  }, el("span", { class: "sun", "aria-hidden": "true" }));
  return button;
}

async function signOut() {
  await ask("DELETE", "/console/session").catch(() => {});
  state.session = await ask("GET", "/console/session").catch(() => state.session);
  signedOut();
}

class Frame {
  constructor() {
    const person = state.session.person;
    this.live = el("span", { class: "live", role: "status" });
    this.banner = el("p", { class: "banner", role: "alert", hidden: true });
    this.main = el("main", { id: "main", tabindex: "-1" });
    this.home = el("a", { href: "#/" }, t("app.home"));
    this.audit = el("a", { href: "#/audit" }, t("app.audit"));
    this.nodes = [
      el("button", { type: "button", class: "skip", onclick: () => this.main.focus() }, t("app.skip")),
      el("header", {},
        el("div", { class: "top" },
          el("a", { href: "#/", class: "brandlink", "aria-label": "rollcall" }, brand()),
          el("nav", { "aria-label": "rollcall" }, this.home, this.audit),
          this.live,
          el("div", { class: "tools" }, languageButton(), themeButton(),
            el("button", { type: "button", class: "tool keys", title: t("app.keys"), "aria-label": t("app.keys"),
              onclick: showKeys }, "?"),
            el("span", { class: "me", title: t("app.person", { name: person.name }) }, foreign(person.name, 40)),
            el("button", { type: "button", class: "tool", onclick: signOut }, t("app.sign_out"))))),
      this.banner, this.main];
    this.freshness();
  }

  freshness() {
    const stale = state.staleSince ? t(state.answers ? "stale.reading" : "stale.service", { time: clock(state.staleSince) })
      : state.unreachableSince ? t("stale.cluster", { time: dateTime(state.unreachableSince) })
        : state.leading ? "" : t("stale.follower");
    text(this.banner, stale);
    this.banner.hidden = !stale;
    document.body.classList.toggle("stale", Boolean(state.staleSince || state.unreachableSince));
    const fresh = state.loaded && !state.staleSince;
    this.live.classList.toggle("on", fresh);
    text(this.live, t(fresh ? "live.on" : "live.connecting"));
  }
}

function showKeys() {
  const keys = [["/", "filter"], ["j k", "move"], ["Enter", "open"], ["h", "home"], ["?", "help"]];
  show(t("keys.title"), el("dl", { class: "keys" }, keys.flatMap(([key, word]) => [
    el("dt", {}, key.split(" ").map((k) => el("kbd", {}, k))), el("dd", {}, t(`keys.${word}`))])));
}

// ---- routes ----

function pageFor(hash) {
  const parts = hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
  if (parts[0] === "audit" && parts.length <= 2) return new AuditPage(parts[1]);
  if (parts.length === 4 && parts[2] === "run") return new RolloutPage(parts[0], parts[1], Number(parts[3]));
  if (parts.length === 2) return new RolloutPage(parts[0], parts[1]);
  return new Home();
}

function route(moved) {
  if (!frame) return;
  page?.destroy();
  try {
    page = pageFor(location.hash);
  } catch { // an address that cannot be decoded
    page = new Home();
  }
  frame.main.replaceChildren(page.node);
  page.timeline?.draw();
  frame.home.ariaCurrent = page instanceof Home ? "page" : null;
  frame.audit.ariaCurrent = page instanceof AuditPage ? "page" : null;
  titleOf();
  if (!moved) return;
  window.scrollTo(0, 0);
  page.title.focus({ preventScroll: true });
}

function titleOf() {
  const waiting = openApprovals().length;
  const what = page instanceof RolloutPage ? `${short(page.name, 60)} · ` : page instanceof AuditPage
    ? `${t("audit.title")} · ` : "";
  document.title = `${waiting ? `(${waiting}) ` : ""}${what}rollcall`;
}

function rebuild() {
  document.documentElement.lang = locale();
  if (!state.session?.person) {
    document.body.replaceChildren(signInPage());
    return;
  }
  frame = new Frame();
  document.body.replaceChildren(...frame.nodes);
  route(false);
}

async function begin() {
  await loadSession();
  rebuild();
  if (state.session.person) connect();
}

// ---- keys ----

function isTyping(target) {
  return target.closest("input, textarea, select, dialog") !== null;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !frame || isTyping(event.target)) return;
  const keys = {
    "/": () => page.search?.focus(),
    j: () => page.move?.(1),
    k: () => page.move?.(-1),
    h: () => { location.hash = "#/"; },
    "?": showKeys,
  };
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});

// ---- beginning ----

/** A service of another version has other pages. */
function renewPage({ files }) {
  const mine = import.meta.url.split("/").at(-2);
  if (!files || files === mine || sessionStorage.getItem("rollcall.files") === files) return;
  sessionStorage.setItem("rollcall.files", files);
  location.reload();
}

listen((kind, value) => {
  if (kind === "snapshot") renewPage(value);
  if (kind === "signed-out") signedOut();
  if (kind === "people") loadSession().then(() => tell("session"), () => {});
  if (kind === "status" || kind === "snapshot") frame?.freshness();
  if (kind === "snapshot" || kind === "approval") titleOf();
});
setInterval(() => {
  for (const node of document.querySelectorAll("time[data-at]")) text(node, ago(now() - Number(node.dataset.at)));
  page?.tick?.();
}, TIMES_MS);
window.addEventListener("hashchange", () => route(true));
applyTheme(theme());
begin().catch((problem) => {
  document.body.replaceChildren(el("main", { class: "signin" }, el("p", { class: "panel" }, problem.message)));
  setTimeout(() => location.reload(), TIMES_MS);
});
