// Questions before a decision, and short words after it.
import { el } from "./dom.js";
import { t } from "./words.js";

/** Asks; answers {reason} or null. o: title, text, action, danger, reason: "none", "optional" or "needed". */
export function confirm(o) {
  return new Promise((resolve) => {
    const reason = o.reason === "none" ? null : el("textarea", {
      id: "dialog-reason", rows: 3, maxlength: 1000, required: o.reason === "needed", autocomplete: "off",
    });
    let answer = null;
    const dialog = el("dialog", { "aria-labelledby": "dialog-title" },
      el("form", {
        method: "dialog",
        onsubmit: (event) => {
          event.preventDefault();
          answer = { reason: reason?.value.trim() ?? "" };
          dialog.close();
        },
      },
      el("h2", { id: "dialog-title" }, o.title),
      o.text && el("p", {}, o.text),
      reason && el("label", { for: "dialog-reason" }, t(o.reason === "needed" ? "ask.reason" : "ask.reason.optional")),
      reason,
      el("div", { class: "buttons" },
        el("button", { type: "button", onclick: () => dialog.close() }, t("dialog.cancel")),
        el("button", { type: "submit", class: o.danger ? "danger" : "primary" }, o.action))));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Shows something to read. */
export function show(title, ...content) {
  const dialog = el("dialog", { "aria-labelledby": "dialog-title" },
    el("h2", { id: "dialog-title" }, title), ...content,
    el("div", { class: "buttons" },
      el("button", { type: "button", class: "primary", onclick: () => dialog.close() }, t("dialog.close"))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

const TOAST_MS = 7000;
const toasts = el("div", { class: "toasts", role: "status", "aria-live": "polite" });

export function toast(text, bad) {
  if (!toasts.isConnected) document.body.append(toasts);
  const note = el("p", { class: bad ? "toast bad" : "toast" }, text);
  toasts.append(note);
  while (toasts.children.length > 4) toasts.firstChild.remove();
  setTimeout(() => note.remove(), TOAST_MS);
}
