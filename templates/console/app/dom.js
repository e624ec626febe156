// Elements out of values. Text only ever becomes text: nothing here parses markup.
import { t } from "./words.js";

const SHOWN_MAX = 240;
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "text") node.textContent = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** el("p", {class: "x", onclick: f}, "text", other) */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

// Control characters and those that turn the direction of what follows are shown by their number.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

export function clean(text) {
  return String(text ?? "").replace(UNSEEN, (c) => (c === "\n" || c === "\t"
    ? " "
    : `‹U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}›`));
}

export function short(text, max) {
  const points = [...clean(text)];
  return points.length > max ? `${points.slice(0, max - 1).join("")}…` : points.join("");
}

/** A text that somebody else wrote: cleaned, cut when it is very long, and kept from its surroundings. */
export function foreign(text, max = SHOWN_MAX) {
  const whole = clean(text);
  const node = el("bdi", { class: "foreign" });
  if ([...whole].length <= max) {
    node.textContent = whole;
    return node;
  }
  const more = el("button", { type: "button", class: "link", onclick: () => { node.textContent = whole; } },
    t("text.more"));
  node.append(short(whole, max), " ", more);
  return node;
}

/** "registry/team/app:2.1" is mostly the same for both sides: what a person looks for is its end. */
export function imageName(images, max = 60) {
  const text = clean(images);
  const plain = text.includes(",") ? text : text.slice(text.lastIndexOf("/") + 1);
  return short(plain, max);
}

export function image(images, max = 60) {
  return el("bdi", { class: "image", title: short(images, 500) }, imageName(images, max) || "–");
}

/** Old and new; what both have in front is said once. */
export function imageChange(old, fresh, max = 60) {
  const from = imageName(old, max);
  const to = imageName(fresh, max);
  const tag = from.lastIndexOf(":") + 1;
  const same = tag > 0 && !from.includes(",") && to.startsWith(from.slice(0, tag));
  return [image(old, max), el("span", { class: "arrow", "aria-hidden": "true" }, "→"),
    el("bdi", { class: "image", title: short(fresh, 500) }, same ? to.slice(tag) : to)];
}

const LISTS = ["UL", "OL", "DL"];

function sameList(old, fresh) {
  return LISTS.includes(old.nodeName) && old.nodeName === fresh.nodeName && old.className === fresh.className;
}

/**
 * Shows these children. What looks as before stays the node that it was, so that a press that has begun, the focus and a
 * selection outlive news; its handlers stay too, and must not keep values of their own.
 */
export function replace(node, ...children) {
  const wanted = children.flat(2).filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(child)));
  wanted.forEach((fresh, i) => {
    const old = node.childNodes[i];
    if (!old) node.append(fresh);
    else if (sameList(old, fresh)) replace(old, [...fresh.childNodes]);
    else if (!old.isEqualNode(fresh)) old.replaceWith(fresh);
  });
  while (node.childNodes.length > wanted.length) node.lastChild.remove();
}

export function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}
