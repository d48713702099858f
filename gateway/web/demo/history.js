// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** The calls of this session, the latest first. They are kept for this tab, and gone when it is closed. */

import { find, icon } from "./elements.js";
import { clock, figure } from "./format.js";

const LENGTH = 50;
const KEPT = "demo history";

/**
 * @typedef {object} Entry
 * @property {number} at when the call began, in milliseconds of the epoch
 * @property {"incoming" | "outgoing"} direction
 * @property {string} number to call again; empty where it is withheld
 * @property {string} name who it was, as it is shown
 * @property {string} outcome
 * @property {string} words how it ended
 * @property {string} tone
 * @property {number} durationMs
 * @property {number | null} mos
 */

const DIRECTIONS = { incoming: "Incoming", outgoing: "Outgoing" };

const list = find("history", HTMLElement);
const empty = find("history-empty", HTMLElement);
const forget = find("forget", HTMLButtonElement);

/** @type {Entry[]} */
let entries = [];

/** @param {Entry} entry */
export function remember(entry) {
  entries = [entry, ...entries].slice(0, LENGTH);
  keep();
  list.prepend(row(entry));
  while (list.children.length > LENGTH) list.lastElementChild?.remove();
  showWhetherEmpty();
}

/** @param {(number: string) => void} callAgain */
export function watchHistory(callAgain) {
  entries = kept();
  list.replaceChildren(...entries.map(row));
  showWhetherEmpty();
  list.addEventListener("click", ({ target }) => {
    const number = target instanceof Element ? target.closest("button")?.dataset.number : undefined;
    if (number) callAgain(number);
  });
  forget.addEventListener("click", () => {
    entries = [];
    keep();
    list.replaceChildren();
    showWhetherEmpty();
  });
}

function showWhetherEmpty() {
  empty.hidden = entries.length > 0;
  forget.hidden = entries.length === 0;
}

function keep() {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(entries));
  } catch {
    // No storage, or none left: the list lives as long as the page.
  }
}

/** @returns {Entry[]} */
function kept() {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
    return Array.isArray(found) ? found.filter(isEntry).slice(0, LENGTH) : [];
  } catch {
    return [];
  }
}

/**
 * An older page of this tab may have kept something else.
 *
 * @param {any} value
 */
function isEntry(value) {
  return Number.isFinite(value?.at) && typeof value.name === "string" && value.direction in DIRECTIONS;
}

/** @param {Entry} entry */
function row({ at, direction, number, name, outcome, words, tone, durationMs, mos }) {
  const item = document.createElement("li");
  Object.assign(item.dataset, { direction, outcome, tone });
  const mark = document.createElement("span");
  mark.className = "mark";
  mark.append(icon(direction === "incoming" ? "in" : "out"));

  const time = document.createElement("time");
  const began = new Date(at);
  time.dateTime = began.toISOString();
  time.textContent = began.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const measured = [durationMs && clock(durationMs), mos !== null && `MOS ${figure(mos)}`].filter(Boolean);
  const figures = text("span", "figures", "");
  figures.append(time, text("span", "", measured.join(" · ")));

  const who = text("span", "who", name);
  const how = text("span", "how", "");
  how.append(text("span", "direction", `${DIRECTIONS[direction]} · `), text("b", "", words));
  item.append(mark, who, how, figures);
  if (number) item.append(again(number));
  return item;
}

/** @param {string} number */
function again(number) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "again";
  button.dataset.number = number;
  button.setAttribute("aria-label", `Call ${number} again`);
  button.append(icon("phone"));
  return button;
}

/**
 * @param {string} tag
 * @param {string} name of its class
 * @param {string} content
 */
function text(tag, name, content) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.textContent = content;
  return element;
}
