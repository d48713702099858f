// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** Everything the page shows. It is told what to show and decides nothing. */

const LOG_LENGTH = 200;

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

/** @type {Readonly<Record<string, string>>} */
const CODECS = { opus: "Opus", PCMU: "G.711 µ-law", PCMA: "G.711 A-law", G722: "G.722", L16: "Linear PCM" };

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function find(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new TypeError(`the page has no ${type.name} with id ${id}`);
  return element;
}

export const app = find("app", HTMLElement);
export const callButton = find("call", HTMLButtonElement);
export const hangupButton = find("hangup", HTMLButtonElement);
export const answerButton = find("answer", HTMLButtonElement);
export const rejectButton = find("reject", HTMLButtonElement);
export const muteButton = find("mute", HTMLButtonElement);
export const holdButton = find("hold", HTMLButtonElement);
export const transferButton = find("transfer-open", HTMLButtonElement);
export const transferForm = find("transfer", HTMLFormElement);
export const transferField = find("transfer-to", HTMLInputElement);
export const reachForm = find("reach", HTMLFormElement);
export const identityField = find("identity", HTMLInputElement);
export const numberField = find("number", HTMLInputElement);
export const form = find("dial", HTMLFormElement);
export const keypad = find("keypad", HTMLElement);
export const extensionList = find("extensions", HTMLElement);

let holdable = true;

const caller = find("caller", HTMLElement);
const timer = find("timer", HTMLElement);
const digits = find("digits", HTMLElement);
const notice = find("notice", HTMLElement);
const log = find("log", HTMLElement);

/**
 * @param {PageState} state
 * @param {string} [text]
 */
export function showState(state, text = STATES[state]) {
  const live = state !== "idle";
  const focused = document.activeElement;
  app.dataset.state = state;
  find("state-text", HTMLElement).textContent = text;
  callButton.hidden = live;
  hangupButton.hidden = !live || state === "incoming";
  find("choice", HTMLElement).hidden = state !== "incoming";
  numberField.readOnly = live;
  muteButton.disabled = state === "dialing";
  transferButton.disabled = state !== "open";
  holdButton.disabled = state !== "open" || !holdable;
  if (state !== "open") showTransfer(false);
  moveFocus(state, focused);
}

/**
 * Whoever used what went away stays where the next step is. A call that comes in takes the focus to its
 * caller and to no button: whoever types at that moment must not answer by it.
 *
 * @param {PageState} state
 * @param {Element | null} focused before
 */
function moveFocus(state, focused) {
  const gone = focused instanceof HTMLElement && focused !== document.body && focused.offsetParent === null;
  const nowhere = !focused || focused === document.body;
  if (state === "incoming") {
    if (gone || nowhere) caller.focus();
  } else if (gone || (state !== "idle" && focused === numberField)) {
    (state === "idle" ? callButton : hangupButton).focus();
  }
}

/** @param {import("/sdk/voice-client.js").Call | null} call one that came in, or none */
export function showCaller(call) {
  const { name, number } = callerOf(call);
  caller.hidden = !call;
  app.dataset.direction = call ? "incoming" : "outgoing";
  find("caller-name", HTMLElement).textContent = name;
  find("caller-number", HTMLElement).textContent = number;
}

/**
 * @param {import("/sdk/voice-client.js").Call | null} call
 * @returns {{ name: string, number: string }} the number is empty where it stands as the name
 */
export function callerOf(call) {
  const { displayName, from } = call ?? {};
  const number = !from || from === "anonymous" ? "Number withheld" : from;
  return displayName ? { name: displayName, number } : { name: number, number: "" };
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
  if (open) transferField.focus();
  else if (inside) transferButton.focus();
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
 * @param {string} [options.detail]
 * @param {string} [options.kind] as in the client's table of endings
 * @param {string} [options.cause]
 */
export function showNotice(message, { detail = "", kind = "normal", cause = "" } = {}) {
  notice.dataset.kind = kind;
  notice.dataset.cause = cause;
  find("notice-text", HTMLElement).textContent = message;
  find("notice-detail", HTMLElement).textContent = detail;
  notice.hidden = false;
}

export function hideNotice() {
  notice.hidden = true;
  notice.dataset.cause = "";
}

/** @param {number} ms */
export function clock(ms) {
  const seconds = Math.floor(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** @param {number} ms */
export function showTime(ms) {
  timer.textContent = clock(ms);
}

/** @param {{ browser: string, trunk: string } | null} codec */
export function showCodec(codec) {
  for (const leg of /** @type {const} */ (["browser", "trunk"])) {
    const element = find(`codec-${leg}`, HTMLElement);
    const name = codec?.[leg] ?? "";
    element.dataset.codec = name;
    element.textContent = CODECS[name] ?? name;
  }
}

/**
 * @param {"meter-in" | "meter-out"} id
 * @param {number} level 0 to 1
 */
export function showLevel(id, level) {
  const meter = find(id, HTMLElement);
  const percent = Math.round(100 * level);
  meter.style.setProperty("--level", `${percent}%`);
  meter.setAttribute("aria-valuenow", String(percent));
}

/** @param {import("/sdk/voice-client.js").Sample | null} sample */
export function showFigures(sample) {
  const { rttMs = null, jitterMs = null, lossFraction = null } = sample ?? {};
  find("rtt", HTMLElement).textContent = figure(rttMs, "ms");
  find("jitter", HTMLElement).textContent = figure(jitterMs, "ms");
  find("loss", HTMLElement).textContent = figure(percent(lossFraction), "%");
}

/** @param {import("/sdk/voice-client.js").Quality | null} quality */
export function showQuality(quality) {
  for (const leg of /** @type {const} */ (["browser", "trunk"])) {
    const { mos = null, loss = null, jitterMs = null, rttMs = null } = quality?.[leg] ?? {};
    const figures = {
      mos: figure(mos),
      loss: figure(percent(loss), "%"),
      jitter: figure(jitterMs, "ms"),
      rtt: figure(rttMs, "ms"),
    };
    for (const [name, text] of Object.entries(figures)) {
      const cell = document.querySelector(`#quality [data-leg="${leg}"] [data-figure="${name}"]`);
      if (cell) cell.textContent = text;
    }
  }
}

/** @param {number | null} fraction */
const percent = (fraction) => (fraction === null ? null : 100 * fraction);

/**
 * @param {number | null} value
 * @param {string} [unit]
 */
function figure(value, unit = "") {
  return value === null ? "–" : `${value.toFixed(value < 9.95 ? 1 : 0)} ${unit}`.trim();
}

/** @param {string} digit nothing starts anew */
export function showDigit(digit) {
  const sent = (digits.textContent ?? "").replace("–", "");
  digits.textContent = digit ? `${sent}${digit}`.slice(-24) : "–";
}

/** @param {string} digit lights its key for a moment */
export function flashKey(digit) {
  const key = keypad.querySelector(`[data-digit="${digit}"]`);
  key?.classList.add("pressed");
  setTimeout(() => key?.classList.remove("pressed"), 140);
}

/** @param {boolean} muted */
export function showMuted(muted) {
  muteButton.setAttribute("aria-pressed", String(muted));
}

/**
 * @param {number} ms since the call began
 * @param {string} name
 * @param {string} detail
 */
export function addToLog(ms, name, detail) {
  const entry = document.createElement("li");
  const [time, event, text] = ["time", "b", "span"].map((tag) => document.createElement(tag));
  time.textContent = (ms / 1000).toFixed(3);
  event.textContent = name;
  text.textContent = detail;
  entry.append(time, event, text);
  log.prepend(entry);
  while (log.children.length > LOG_LENGTH) log.lastElementChild?.remove();
  find("log-count", HTMLElement).textContent = String(log.children.length);
}

export function openLogWhereThereIsRoom() {
  find("log-area", HTMLDetailsElement).open = matchMedia("(min-width: 820px)").matches;
}

/** @param {{ number: string, name: string, description: string }[]} extensions */
export function showExtensions(extensions) {
  const items = extensions.map(({ number, name, description }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.extension = number;
    button.title = description;
    const strong = document.createElement("b");
    strong.textContent = number;
    button.append(strong, ` ${name}`);
    const item = document.createElement("li");
    item.append(button);
    return item;
  });
  extensionList.replaceChildren(...items);
  find("extensions-area", HTMLElement).hidden = items.length === 0;
  markExtension();
}

/** Shows which of the choices stands in the number field. */
export function markExtension() {
  for (const button of extensionList.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.extension === numberField.value.trim()));
  }
}
