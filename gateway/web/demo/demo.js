// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** The demo page: one call at a time, through the public surface of the client and nothing else. */

import { ENGLISH } from "/sdk/texts/index.js";
import { CallError, Device } from "/sdk/voice-client.js";

import { startAttention, stopAttention } from "./attention.js";
import * as page from "./elements.js";
import { watchExtensions } from "./extensions.js";
import { callerOf } from "./format.js";
import { watchHistory } from "./history.js";
import { flashKey, watchKeypad } from "./keypad.js";
import { followMidcall, watchMidcall } from "./midcall.js";
import { outcomeOf } from "./outcomes.js";
import { showPages } from "./pages.js";
import * as panel from "./panel.js";
import * as phone from "./phone.js";
import { watchReach } from "./reach.js";
import { forgetCall, recordFailure, showCall } from "./seen.js";
import { audioConstraints, chosenSpeaker, listDevices, openSettings, watchSettings } from "./settings.js";
import { hasCallBeside, useToken, watchSite } from "./site.js";
import { givenToken, watchToken } from "./token.js";
import { startRingback, stopRingback } from "./tones.js";

/** @typedef {import("/sdk/voice-client.js").Call} Call */
/** @typedef {import("/sdk/voice-client.js").CallEnd} CallEnd */

/** Warnings that somebody can do something about, or has to know of. The others are seen in the charts. */
const SAID = new Set(["playback-blocked", "microphone-lost", "connection-interrupted", "no-audio-received"]);

const NO_MICROPHONE = "microphone-not-found";

// The page itself has one call at a time; from the console another can be placed, to hand the first over to
// It rings by itself, as its ringback has to
const device = new Device({ token: givenToken(), allowSeveralCalls: true, ringtone: false });

/** What tests and the console may look at. */
const demo = {
  device,
  /** @type {Call | null} the present call, or the last one */
  call: null,
  /** @type {CallEnd | null} how the last call ended */
  end: null,
  /** @type {CallError | null} why the last call failed */
  error: null,
  /** @type {[ms: number, name: string, detail: string][]} since the last dial */
  events: [],
};
Object.assign(window, { demo });

let began = 0;
/** @type {AbortController | null} while the microphone and the session are being opened */
let dialing = null;
/** @type {ReturnType<typeof setInterval> | undefined} */
let ticking;

/**
 * @param {string} name
 * @param {string} [detail]
 */
function note(name, detail = "") {
  const ms = performance.now() - began;
  demo.events.push([ms, name, detail]);
  panel.addToLog(ms, name, detail);
}

/** @param {CallError} error with the operator's words, which stand in the log alone */
function noteError(error) {
  demo.error = error;
  note("error", `${error.code} ${error.name}: ${error.reason || error.message}`);
}

/**
 * @param {CallError} error
 * @param {import("./outcomes.js").Tone} tone
 */
function tell({ name, message, advice }, tone) {
  phone.showNotice(message, { advice, tone, cause: name });
}

/** For whoever follows what stands there: a field says so only of what is typed. */
const numberChanged = () => page.numberField.dispatchEvent(new Event("change"));

const isBusy = () => dialing !== null || device.calls.length > 0;

async function dial() {
  if (isBusy()) return;
  if (hasCallBeside()) {
    tell(new CallError("busy-here"), "warm");
    return;
  }
  const to = page.numberField.value.trim();
  dialing = new AbortController();
  begin();
  phone.showState("dialing");
  note("dial", to);
  try {
    const call = await device.connect({ to, audio: audioConstraints(), signal: dialing.signal });
    follow(call);
    connecting(call);
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    fail(error, to);
  } finally {
    dialing = null;
  }
}

/** @param {Call} call that comes in: the page has one at a time */
function ringHere(call) {
  if (dialing || device.calls.length > 1 || hasCallBeside()) {
    note("incoming", `${call.from} found this page busy`);
    call.reject({ code: 486 });
    return;
  }
  begin();
  follow(call);
  const { name, number } = callerOf(call);
  note("incoming", `${[name, number].filter(Boolean).join(", ")} for ${call.to}`);
  phone.showCaller(call);
  phone.showState("incoming");
  startAttention(name);
}

async function answer() {
  const call = demo.call;
  if (call?.state !== "pending") return;
  stopAttention();
  phone.hideNotice();
  phone.showState("connecting", "Answering…");
  try {
    await call.accept({ audio: audioConstraints() });
    connecting(call);
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    if (call.end) return; // which is told by itself
    phone.showState("incoming");
    complain(error);
  }
}

function begin() {
  began = performance.now();
  Object.assign(demo, { call: null, end: null, error: null, events: [] });
  phone.hideNotice();
  phone.showCaller(null);
  phone.showHeld({ local: false, remote: false });
  phone.showTime(0);
  phone.showDigit("");
  phone.showMuted(false);
  forgetCall();
}

/**
 * @param {CallError} error before there was a call
 * @param {string} to
 */
function fail(error, to) {
  noteError(error);
  const outcome = outcomeOf(error, null);
  phone.showOutcome(outcome);
  tell(error, outcome.tone);
  recordFailure(to, outcome);
  if (error.name === "bad-token") openSettings();
}

/** @param {Call} call */
function connecting(call) {
  if (call.direction === "outgoing") phone.showState("connecting");
  note("connecting", `call ${call.id}`);
  void listDevices();
  if (chosenSpeaker()) call.setSinkId(chosenSpeaker()).catch(complain);
}

/** @param {Call} call */
function follow(call) {
  demo.call = call;
  call.on("ringing", ring);
  call.on("accept", accept);
  followMidcall(call, note);
  call.on("mute", (muted) => {
    note("mute", String(muted));
    phone.showMuted(muted);
  });
  call.on("dtmf", (digit, { direction }) => {
    note("dtmf", `${direction} ${digit}`);
    if (direction === "sent") phone.showDigit(digit);
  });
  call.on("warning", (name) => {
    note("warning", name);
    if (SAID.has(name)) phone.showNotice(ENGLISH[`warning.${name}`], { tone: "warm", cause: name });
  });
  call.on("warning-cleared", (name) => {
    note("cleared", name);
    if (page.noticeBox.dataset.cause === name) phone.hideNotice();
  });
  call.on("reconnecting", () => {
    note("reconnecting");
    phone.showReconnecting(true, call.held);
  });
  call.on("reconnected", () => {
    note("reconnected");
    phone.showReconnecting(false, call.held);
  });
  call.on("error", complain);
  call.on("disconnect", finish);
  showCall(call);
}

/** @param {Call} call of this page before it was loaded again */
function takeUp(call) {
  begin();
  follow(call);
  note("restored", `call ${call.id}`);
  phone.showMuted(call.isMuted());
  if (call.direction === "incoming") phone.showCaller(call);
  else page.numberField.value = call.to;
  if (call.state === "open") accept(call);
  else phone.showState(call.state === "ringing" ? "ringing" : "connecting");
  phone.showReconnecting(true, call.held);
}

/** @param {boolean} hasEarlyMedia */
function ring(hasEarlyMedia) {
  note("ringing", hasEarlyMedia ? "early media" : "");
  phone.showState("ringing", hasEarlyMedia ? "Ringing, with audio…" : undefined);
  if (hasEarlyMedia) stopRingback();
  else startRingback();
}

/** @param {Call} call */
function accept(call) {
  stopRingback();
  note("accept", `${call.codec?.browser} ⇄ ${call.codec?.trunk}`);
  phone.showState("open");
  ticking = setInterval(() => phone.showTime(call.durationMs), 250);
}

/** @param {CallError} error */
function complain(error) {
  noteError(error);
  if (error.fatal) return; // the end of the call says the same, and more
  tell(error, "bad");
}

/**
 * @param {Call} call
 * @param {CallEnd} end
 */
function finish(call, end) {
  stopRingback();
  stopAttention();
  clearInterval(ticking);
  page.app.removeAttribute("data-reconnecting");
  demo.end = end;
  note("disconnect", `${end.cause}, by ${end.by}${end.sipCode ? `, SIP ${end.sipCode}` : ""}`);
  const outcome = outcomeOf(end, call);
  const { name, number } = callerOf(call);
  phone.showHeld({ local: false, remote: false });
  phone.showOutcome(outcome);
  phone.showTime(call.durationMs);
  phone.showNotice(end.message, {
    advice: outcome.name === "missed" ? [name, number].filter(Boolean).join(", ") : end.advice,
    tone: outcome.tone,
    cause: end.cause,
  });
}

function hangUp() {
  dialing?.abort();
  device.disconnectAll();
}

/** @param {string} sign of the keypad: to where somebody writes, or into the call */
function press(sign) {
  const [call] = device.calls;
  flashKey(sign);
  if (!page.transferForm.hidden) {
    page.transferField.value += sign;
  } else if (!call && !dialing) {
    page.numberField.value += sign;
    numberChanged();
  } else if (sign !== "+" && (call?.state === "open" || call?.state === "ringing")) {
    call.sendDigits(sign);
  }
}

/** @param {KeyboardEvent} event typed wherever nothing else is written */
function type(event) {
  if (!/^[0-9*#+]$/.test(event.key) || event.ctrlKey || event.altKey || event.metaKey) return;
  const { target } = event;
  // The button has a keypad of its own, inside of which nobody sees
  if (target instanceof Element && target.matches("select, textarea, click-to-call")) return;
  if (target instanceof HTMLInputElement && !(target === page.numberField && device.calls.length)) return;
  event.preventDefault();
  press(event.key);
}

/** @param {number} microphones that there are: without one the page says so before anybody calls */
function showWhetherAudible(microphones) {
  const said = page.noticeBox.dataset.cause === NO_MICROPHONE;
  if (isBusy()) return;
  if (microphones && said) phone.hideNotice();
  else if (!microphones && page.noticeBox.hidden) {
    tell(new CallError(NO_MICROPHONE), "warm");
  }
}

/** @param {string} number of an earlier call */
function callAgain(number) {
  if (isBusy()) return;
  page.numberField.value = number;
  numberChanged();
  void dial();
}

page.form.addEventListener("submit", (event) => {
  event.preventDefault();
  void dial();
});
page.hangupButton.addEventListener("click", hangUp);
page.answerButton.addEventListener("click", () => void answer());
page.rejectButton.addEventListener("click", hangUp);
page.muteButton.addEventListener("click", () => device.calls[0]?.toggleMute());
page.eraseButton.addEventListener("click", () => {
  page.numberField.value = page.numberField.value.slice(0, -1);
  numberChanged();
});
document.addEventListener("keydown", type);
watchKeypad(press);
watchHistory(callAgain);
watchSettings({
  onMicrophone: (id) => void device.calls[0]?.setInputDevice(id).catch(complain),
  onSpeaker: (id) => void device.calls[0]?.setSinkId(id).catch(complain),
  onMicrophones: showWhetherAudible,
});
watchSite({ isBusy, note });
useToken(givenToken());
watchToken((token) => {
  useToken(token);
  device.updateToken(token).then(() => note("token", "will be used"), complain);
});
watchReach(device, { note, complain });
watchMidcall(() => device.calls[0], { note, complain });
device.on("incoming", ringHere);
device.on("restored", takeUp);
device.on("tokenWillExpire", (_, expires) => note("token", `ends at ${expires.toLocaleTimeString()}`));
device.on("draining", (seconds) => note("gateway", `goes out of service; calls have ${seconds} s`));
device.on("error", (error, call) => {
  if (!call) note("error", `${error.code} ${error.name}: ${error.reason || error.message}`);
});

const query = new URLSearchParams(location.search);
page.numberField.value = query.get("to") ?? page.numberField.value;
page.identityField.value = query.get("identity") ?? page.identityField.value;
numberChanged();
const unsupported = Device.checkSupport();
if (unsupported) tell(unsupported, "bad");
else void device.restore({ audio: audioConstraints() });
void watchExtensions();
void showPages();
void listDevices();
page.app.dataset.ready = "";
