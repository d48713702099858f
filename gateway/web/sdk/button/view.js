// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** Shows what the model says, and says it to those who do not see it. It decides nothing. */

import { isBusy, statusKey } from "./model.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./texts.js").Wording} Wording */

/** Which buttons stand at the bottom in each phase. */
const CHOICES = /** @type {Readonly<Record<string, readonly string[]>>} */ ({
  idle: ["start"],
  consent: ["agree", "disagree"],
  number: ["close"],
  incoming: ["accept", "decline"],
  ended: ["again", "close"],
});
const LIVE = ["hangup"];

/** Which tools may be used in each phase of a call. */
const TOOLS = /** @type {Readonly<Record<string, readonly string[]>>} */ ({
  connecting: ["mute", "settings"],
  ringing: ["mute", "keypad", "settings"],
  open: ["mute", "keypad", "hold", "transfer", "settings"],
});

/** @param {number} ms */
export function clock(ms) {
  const seconds = Math.floor(ms / 1000);
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/**
 * What the status line says.
 *
 * @param {Model} model
 * @param {Wording} words
 */
export function statusText(model, words) {
  return words.find(statusKey(model)) ?? model.end?.message ?? words.t("state.closed");
}

/**
 * What a reader of the screen says of this state.
 *
 * @param {Model} model
 * @param {Wording} words
 * @param {string} caller of a call that comes in
 */
export function spoken(model, words, caller) {
  if (model.phase === "idle") return "";
  if (model.feedback === "sent") return words.t("button.thanks");
  const status = model.phase === "incoming" ? words.t("state.pending-from", { name: caller }) : statusText(model, words);
  return [status, model.notice, adviceText(model, words)].filter(Boolean).join(" ");
}

/**
 * What can be done about the end; a caller's mishap is nothing that somebody who was called can mend.
 *
 * @param {Model} model
 * @param {Wording} words
 */
const adviceText = ({ end }, words) => (end && !end.missed && words.find(`advice.${end.cause}`)) || "";

/**
 * @param {import("./template.js").Panel} panel
 * @param {Model} model
 * @param {Wording} words
 * @param {import("./panel.js").Can} can
 */
export function showPanel(panel, model, words, can) {
  const { phase, end, view } = model;
  const busy = isBusy(model);
  const { element, tools, buttons, details } = panel;
  Object.assign(element.dataset, { phase, view, quality: model.quality, kind: end?.kind ?? "" });
  element.toggleAttribute("data-held", model.held.local || model.held.remote);
  element.setAttribute("aria-describedby", phase === "consent" ? phase : ""); // said with the panel, which gets the focus
  panel.status.textContent = statusText(model, words);
  for (const [name, button] of Object.entries(buttons)) {
    const cannot = (name === "close" && !can.close) || (name === "again" && !can.call);
    button.hidden = cannot || !(CHOICES[phase] ?? LIVE).includes(name);
  }
  buttons.minimize.hidden = !busy || !can.minimize;
  const hangup = /** @type {HTMLElement} */ (buttons.hangup.lastElementChild);
  hangup.textContent = words.t(model.answered ? "button.hangup" : "button.cancel");
  for (const [name, button] of Object.entries(tools)) {
    button.hidden = (name === "transfer" && !can.transfer) || (name === "hold" && !can.hold);
    // Not `disabled`: that would lose the focus, and who reads the screen would not find it
    button.setAttribute("aria-disabled", String(!TOOLS[phase]?.includes(name)));
  }
  tools.mute.setAttribute("aria-pressed", String(model.muted));
  tools.hold.setAttribute("aria-pressed", String(model.held.local));
  for (const name of /** @type {const} */ (["keypad", "transfer", "settings"])) {
    tools[name].setAttribute("aria-expanded", String(view === name));
  }
  panel.clock.hidden = !model.answered && !(end?.rateable ?? false);
  panel.quality.hidden = !model.quality;
  if (model.quality) panel.quality.setAttribute("aria-label", words.t(`button.quality-${model.quality}`));
  details.advice.textContent = adviceText(model, words);
  details.notice.textContent = model.notice;
  for (const text of [details.advice, details.notice]) text.hidden = !text.textContent;
  details.consent.hidden = phase !== "consent";
  details.caller.hidden = phase !== "incoming" || !details.caller.textContent;
  fold(panel, model);
}

/**
 * @param {import("./template.js").Panel} panel
 * @param {Model} model
 */
function fold({ folds }, { phase, view, feedback, end }) {
  /** @type {Record<keyof typeof folds, boolean>} */
  const shown = {
    fallback: end !== null && end.kind !== "normal",
    keypad: phase === "number" || view === "keypad" || view === "transfer",
    settings: view === "settings",
    tools: phase in TOOLS || phase === "starting",
    feedback: feedback === "asked",
    thanks: feedback === "sent",
  };
  for (const [name, part] of Object.entries(folds)) part.hidden = !shown[/** @type {keyof typeof folds} */ (name)];
}
