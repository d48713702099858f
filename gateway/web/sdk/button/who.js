// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** Who is at the other end, and what the page's author has said of it: on the button and in the panel. */

import { isBusy } from "./model.js";
import { statusText } from "./view.js";

/** @typedef {import("./element.js").ClickToCall} ClickToCall */
/** @typedef {import("./texts.js").Wording} Wording */

/**
 * @param {ClickToCall} element
 * @param {string | undefined} to of the call that is being placed
 * @param {Wording} words
 * @returns {{ name: string, number: string }} the number is empty where it stands as the name
 */
export function callerOf(element, to, { t }) {
  const { call } = element;
  if (call?.direction !== "incoming" || element.state === "idle") {
    return { name: element.getAttribute("heading") || to || element.getAttribute("to") || t("button.panel"), number: "" };
  }
  const number = call.from && call.from !== "anonymous" ? call.from : t("state.withheld");
  return { name: call.displayName ?? number, number: call.displayName ? number : "" };
}

/**
 * @param {import("./template.js").Launcher} launcher
 * @param {ClickToCall} host
 * @param {import("./model.js").Model} model
 * @param {Wording} words
 * @param {boolean} expanded whether the panel stands in its place
 */
export function showLauncher({ element, label, clock }, host, model, words, expanded) {
  const { t } = words;
  const busy = isBusy(model);
  const heading = host.getAttribute("heading");
  const own = host.getAttribute("label") ?? (heading ? t("button.call-to", { name: heading }) : t("button.call"));
  /** @type {HTMLElement} */ (label.firstElementChild).textContent = own;
  // Behind the panel it stays as it is, so that nothing of the page moves
  label.hidden = busy && !expanded;
  clock.hidden = !busy || expanded;
  if (busy && !model.answered) clock.textContent = statusText(model, words);
  element.hidden = host.getAttribute("variant") === "panel";
  element.classList.toggle("away", expanded);
  if (busy) element.setAttribute("aria-label", `${t("button.open")}: ${statusText(model, words)}`);
  else element.removeAttribute("aria-label");
}

/**
 * @param {import("./template.js").Panel} panel
 * @param {Element} host
 * @param {{ name: string, number: string }} caller
 * @param {Wording} words
 */
export function showWho({ name, fallback, details }, host, caller, { t }) {
  name.textContent = caller.name;
  details.caller.textContent = caller.number;
  const consent = /** @type {HTMLElement} */ (details.consent.querySelector("p"));
  consent.textContent = host.getAttribute("consent") || t("button.consent");
  const tel = host.getAttribute("fallback-tel");
  fallback.hidden = !tel;
  fallback.textContent = tel && t("button.or-call", { number: tel });
  fallback.setAttribute("href", `tel:${tel?.replace(/[^+\d]/g, "")}`);
}
