// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * What the phone shows. It is told what to show and decides nothing. Nothing on it moves: what takes
 * turns has one place of a fixed size, so that no key slips away under the finger that presses it.
 */

import {
  answerButton,
  app,
  callButton,
  eraseButton,
  find,
  form,
  hangupButton,
  holdButton,
  identityField,
  keypad,
  muteButton,
  noticeBox as notice,
  numberField,
  reachForm,
  transferButton,
  transferField,
  transferForm,
} from "./elements.js";
import { callerOf, clock } from "./format.js";

/** @typedef {"idle" | "dialing" | "connecting" | "ringing" | "incoming" | "open"} PageState */
/** @typedef {"off" | "asking" | "on" | "lost"} Reach */

/** @type {Readonly<Record<PageState, string>>} */
const STATES = {
  idle: "Ready to call",
  dialing: "Getting ready…",
  connecting: "Calling…",
  ringing: "Ringing…",
  incoming: "Incoming call",
  open: "Connected",
};

/** What stands instead of "Connected", by who holds the call. */
const HELD = { "": undefined, local: "On hold", remote: "Held by the other side", both: "Held by both sides" };

/** @type {Readonly<Record<Reach, string>>} */
const REACH = {
  off: "No calls come to this page.",
  asking: "Getting ready…",
  on: "Calls come to",
  lost: "The connection is lost. Trying again…",
};

const card = find("phone", HTMLElement);
const caller = find("caller", HTMLElement);
const choice = find("choice", HTMLElement);
const timer = find("timer", HTMLElement);
const digits = find("digits", HTMLElement);
const digitsLine = find("digits-line", HTMLElement);

let holdable = true;

/**
 * @param {PageState} state
 * @param {string} [text]
 */
export function showState(state, text = STATES[state]) {
  const live = state !== "idle";
  const focused = document.activeElement;
  app.dataset.state = state;
  if (live) app.dataset.outcome = "";
  showProgress(text);
  callButton.hidden = live;
  hangupButton.hidden = !live || state === "incoming";
  choice.hidden = state !== "incoming";
  numberField.readOnly = live;
  eraseButton.disabled = live;
  keypad.inert = state === "incoming";
  muteButton.disabled = state === "idle" || state === "dialing" || state === "incoming";
  transferButton.disabled = state !== "open";
  holdButton.disabled = state !== "open" || !holdable;
  if (state !== "open") showTransfer(false);
  showParty();
  moveFocus(state, focused);
}

/** @param {import("./outcomes.js").Outcome} outcome of the call that is over */
export function showOutcome(outcome) {
  app.dataset.outcome = outcome.name;
  app.dataset.tone = outcome.tone;
  document.getElementById("outcome-icon")?.setAttribute("href", `#icon-${outcome.icon}`);
  showState("idle", outcome.words);
}

/** Whoever was called has not dialed: the caller stands where the number would. */
function showParty() {
  const { state, direction } = app.dataset;
  const incoming = direction === "incoming" && state !== "idle";
  const transferring = !transferForm.hidden;
  caller.hidden = !incoming || transferring;
  form.hidden = incoming || transferring;
}

/**
 * Whoever used what went away stays where the next step is. A call that comes in takes the focus to its
 * caller and to no button: whoever types at that moment must not answer by it. The page is not scrolled,
 * unless the phone that rings is out of sight.
 *
 * @param {PageState} state
 * @param {Element | null} focused before
 */
function moveFocus(state, focused) {
  const element = focused instanceof HTMLElement && focused !== document.body ? focused : null;
  const gone = element !== null && (element.offsetParent === null || element.matches(":disabled"));
  if (state === "incoming") {
    if (gone || !element) caller.focus({ preventScroll: true });
    if ([caller, answerButton].some(isOutOfSight)) card.scrollIntoView({ block: "start" });
  } else if (gone || (state !== "idle" && element === numberField)) {
    (state === "idle" ? callButton : hangupButton).focus({ preventScroll: true });
  }
}

/** @param {Element} element */
function isOutOfSight(element) {
  const { top, bottom } = element.getBoundingClientRect();
  return top < 0 || bottom > innerHeight;
}

/** @param {import("/sdk/voice-client.js").Call | null} call one that came in, or none */
export function showCaller(call) {
  const { name, number } = callerOf(call);
  app.dataset.direction = call ? "incoming" : "outgoing";
  find("caller-name", HTMLElement).textContent = name;
  find("caller-number", HTMLElement).textContent = number;
  showParty();
}

/** @param {{ local: boolean, remote: boolean }} held */
export function showHeld({ local, remote }) {
  const by = local && remote ? "both" : local ? "local" : remote ? "remote" : "";
  app.dataset.held = by;
  holdButton.setAttribute("aria-pressed", String(local));
  if (app.dataset.state === "open") showProgress(HELD[by] ?? STATES.open);
}

/** Takes the button away for as long as the page is open: the gateway cannot put calls on hold. */
export function withholdHold() {
  const focused = document.activeElement === holdButton;
  holdable = false;
  holdButton.disabled = true;
  holdButton.title = "This gateway cannot put calls on hold";
  if (focused) muteButton.focus();
}

/** @param {boolean} open */
export function showTransfer(open) {
  if (open === !transferForm.hidden) return;
  const inside = transferForm.contains(document.activeElement);
  transferForm.hidden = !open;
  transferButton.setAttribute("aria-expanded", String(open));
  showParty();
  if (open) transferField.focus({ preventScroll: true });
  else if (inside) (transferButton.disabled ? hangupButton : transferButton).focus({ preventScroll: true });
}

/**
 * @param {boolean} on the gateway or the audio is lost for now
 * @param {{ local: boolean, remote: boolean }} held
 */
export function showReconnecting(on, held) {
  const state = /** @type {PageState} */ (app.dataset.state);
  app.toggleAttribute("data-reconnecting", on);
  if (on) showProgress("Reconnecting…");
  else if (state === "open") showHeld(held);
  else showProgress(STATES[state]);
}

/** @param {string} text instead of the state's own */
export function showProgress(text) {
  find("state-text", HTMLElement).textContent = text;
}

/**
 * @param {Reach} reach
 * @param {string} [identity]
 */
export function showReach(reach, identity = "") {
  reachForm.dataset.reach = reach;
  find("reach-text", HTMLElement).textContent = reach === "on" ? `${REACH.on} ${identity}.` : REACH[reach];
  find("register", HTMLButtonElement).textContent = reach === "off" ? "Take calls" : "Stop";
  identityField.readOnly = reach !== "off";
}

/**
 * @param {string} message
 * @param {object} [options]
 * @param {string} [options.advice] what to do about it
 * @param {import("./outcomes.js").Tone} [options.tone]
 * @param {string} [options.cause]
 */
export function showNotice(message, { advice = "", tone = "quiet", cause = "" } = {}) {
  notice.dataset.tone = tone;
  notice.dataset.cause = cause;
  find("notice-text", HTMLElement).textContent = message;
  find("notice-advice", HTMLElement).textContent = advice;
  notice.hidden = false;
}

export function hideNotice() {
  notice.hidden = true;
  notice.dataset.cause = "";
}

/** @param {number} ms */
export function showTime(ms) {
  timer.textContent = clock(ms);
}

/** @param {string} digit nothing starts anew */
export function showDigit(digit) {
  const sent = (digits.textContent ?? "").replace("–", "");
  digits.textContent = digit ? `${sent}${digit}`.slice(-24) : "–";
  digitsLine.hidden = !digit;
}

/** @param {boolean} muted */
export function showMuted(muted) {
  muteButton.setAttribute("aria-pressed", String(muted));
}
