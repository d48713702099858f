// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** The demo page: one call at a time, through the public surface of the client and nothing else. */

import { CallError, Device, ENDINGS } from "/sdk/voice-client.js";

import { startAttention, stopAttention } from "./attention.js";
import { followMidcall, watchMidcall } from "./midcall.js";
import { watchReach } from "./reach.js";
import { audioConstraints, chosenSpeaker, listDevices, openSettings, watchSettings } from "./settings.js";
import { givenToken, watchToken } from "./token.js";
import { startRingback, stopRingback } from "./tones.js";
import * as view from "./view.js";

/** @typedef {import("/sdk/voice-client.js").Call} Call */
/** @typedef {import("/sdk/voice-client.js").CallEnd} CallEnd */

const WHO = { local: "Ended here", remote: "Ended by the other side", gateway: "Ended by the gateway" };

/** @type {Readonly<Record<string, string>>} */
const WARNINGS = {
  "playback-blocked": "The browser holds the sound back. Click anywhere to hear the call.",
  "microphone-lost": "The microphone has gone. Choose another one under settings.",
  "connection-interrupted": "The connection is interrupted. Waiting for it to come back…",
  "no-audio-received": "No audio arrives from the other side.",
};

const device = new Device({ token: givenToken() });

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
  view.addToLog(ms, name, detail);
}

async function dial() {
  if (dialing || device.calls.length) return;
  const to = view.numberField.value.trim();
  dialing = new AbortController();
  begin();
  view.showState("dialing");
  note("dial", to);
  try {
    const call = await device.connect({ to, audio: audioConstraints(), signal: dialing.signal });
    follow(call);
    connecting(call);
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    fail(error);
  } finally {
    dialing = null;
  }
}

/** @param {Call} call that comes in: the page has one at a time */
function ringHere(call) {
  if (dialing || device.calls.length > 1) {
    note("incoming", `${call.from} found this page busy`);
    call.reject({ code: 486 });
    return;
  }
  begin();
  follow(call);
  const { name, number } = view.callerOf(call);
  note("incoming", `${[name, number].filter(Boolean).join(", ")} for ${call.to}`);
  view.showCaller(call);
  view.showState("incoming");
  startAttention(name);
}

async function answer() {
  const call = demo.call;
  if (call?.state !== "pending") return;
  stopAttention();
  view.hideNotice();
  view.showState("connecting", "Answering…");
  try {
    await call.accept({ audio: audioConstraints() });
    connecting(call);
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    if (call.end) return; // which is told by itself
    view.showState("incoming");
    complain(error);
  }
}

function begin() {
  began = performance.now();
  Object.assign(demo, { call: null, end: null, error: null, events: [] });
  view.hideNotice();
  view.showCaller(null);
  view.showHeld({ local: false, remote: false });
  view.showTime(0);
  view.showCodec(null);
  view.showFigures(null);
  view.showQuality(null);
  view.showDigit("");
  view.showMuted(false);
}

/** @param {CallError} error before there was a call */
function fail(error) {
  demo.error = error;
  note("error", `${error.code} ${error.name}: ${error.reason || error.message}`);
  const { kind = "failed" } = ENDINGS[error.name] ?? {};
  view.showState("idle");
  view.showNotice(told(error), { detail: error.reason, kind, cause: error.cause });
  if (error.name === "bad-token") openSettings();
}

/** @param {Call} call */
function connecting(call) {
  if (call.direction === "outgoing") view.showState("connecting");
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
    view.showMuted(muted);
  });
  call.on("dtmf", (digit, { direction }) => {
    note("dtmf", `${direction} ${digit}`);
    if (direction === "sent") view.showDigit(digit);
  });
  call.on("volume", (input, output) => {
    view.showLevel("meter-in", input);
    view.showLevel("meter-out", output);
  });
  call.on("sample", view.showFigures);
  call.on("quality", view.showQuality);
  call.on("warning", (name) => {
    note("warning", name);
    if (WARNINGS[name]) view.showNotice(WARNINGS[name], { cause: name });
  });
  call.on("warning-cleared", (name) => {
    note("cleared", name);
    view.hideNotice();
  });
  call.on("reconnecting", () => {
    note("reconnecting");
    view.showReconnecting(true, call.held);
  });
  call.on("reconnected", () => {
    note("reconnected");
    view.showReconnecting(false, call.held);
  });
  call.on("error", complain);
  call.on("disconnect", finish);
}

/** @param {Call} call of this page before it was loaded again */
function takeUp(call) {
  begin();
  follow(call);
  note("restored", `call ${call.id}`);
  view.showMuted(call.isMuted());
  if (call.direction === "incoming") view.showCaller(call);
  else view.numberField.value = call.to;
  if (call.state === "open") accept(call);
  else view.showState(call.state === "ringing" ? "ringing" : "connecting");
  view.showReconnecting(true, call.held);
}

/** @param {boolean} hasEarlyMedia */
function ring(hasEarlyMedia) {
  note("ringing", hasEarlyMedia ? "early media" : "");
  view.showState("ringing", hasEarlyMedia ? "Ringing, with audio…" : undefined);
  if (hasEarlyMedia) stopRingback();
  else startRingback();
}

/** @param {Call} call */
function accept(call) {
  stopRingback();
  note("accept", `${call.codec?.browser} ⇄ ${call.codec?.trunk}`);
  view.showCodec(call.codec);
  view.showState("open");
  ticking = setInterval(() => view.showTime(call.durationMs), 250);
}

/**
 * @param {{ message: string, advice: string }} what has happened
 * @returns {string} that, and what can be done about it
 */
const told = ({ message, advice }) => `${message} ${advice}`.trim();

/** @param {CallError} error */
function complain(error) {
  demo.error = error;
  note("error", `${error.code} ${error.name}: ${error.reason || error.message}`);
  if (error.fatal) return; // the end of the call says the same, and more
  view.showNotice(told(error), { detail: error.reason, kind: "failed", cause: error.cause });
}

/**
 * @param {Call} call
 * @param {CallEnd} end
 */
function finish(call, end) {
  stopRingback();
  stopAttention();
  clearInterval(ticking);
  view.app.removeAttribute("data-reconnecting");
  demo.end = end;
  note("disconnect", `${end.cause}, by ${end.by}${end.sipCode ? `, SIP ${end.sipCode}` : ""}`);
  view.showHeld({ local: false, remote: false });
  view.showState("idle", isMissed(call, end) ? "Missed call" : "Call ended");
  view.showTime(call.durationMs);
  view.showLevel("meter-in", 0);
  view.showLevel("meter-out", 0);
  const sip = end.sipCode && end.sipCode >= 300 ? `SIP ${end.sipCode} ${end.reason}`.trim() : end.reason;
  const detail = [WHO[end.by], sip].filter(Boolean).join(" · ");
  view.showNotice(told(end), { detail, kind: kindOf(call, end), cause: end.cause });
}

/**
 * @param {Call} call
 * @param {CallEnd} end
 */
function kindOf(call, { cause }) {
  const kind = ENDINGS[cause]?.kind ?? "refused";
  // Whoever declines a call, or misses it, has met no fault.
  return call.direction === "incoming" && kind === "refused" ? "normal" : kind;
}

/**
 * @param {Call} call
 * @param {CallEnd} end
 */
const isMissed = (call, end) =>
  call.direction === "incoming" && !call.codec && end.by !== "local" && end.cause !== "answered-elsewhere";

function hangUp() {
  dialing?.abort();
  device.disconnectAll();
}

/** @param {string} digit into the call, or into the number field while there is none */
function press(digit) {
  const [call] = device.calls;
  view.flashKey(digit);
  if (!call && !dialing) {
    view.numberField.value += digit;
    view.markExtension();
  } else if (call?.state === "open" || call?.state === "ringing") {
    call.sendDigits(digit);
  }
}

/** @param {KeyboardEvent} event */
function type(event) {
  if (!/^[0-9*#]$/.test(event.key) || event.ctrlKey || event.altKey || event.metaKey) return;
  const { target } = event;
  const writing = target instanceof HTMLInputElement && target !== view.numberField;
  if (!device.calls.length || writing || target instanceof HTMLSelectElement) return;
  event.preventDefault();
  press(event.key);
}

async function loadExtensions() {
  const response = await fetch("/demo/extensions.json").catch(() => null);
  if (response?.ok) view.showExtensions(await response.json());
}

/** @param {Event} event */
const dataOf = (event) => (event.target instanceof Element ? event.target.closest("button")?.dataset : undefined) ?? {};

view.form.addEventListener("submit", (event) => {
  event.preventDefault();
  void dial();
});
view.hangupButton.addEventListener("click", hangUp);
view.answerButton.addEventListener("click", () => void answer());
view.rejectButton.addEventListener("click", hangUp);
view.muteButton.addEventListener("click", () => device.calls[0]?.toggleMute());
view.numberField.addEventListener("input", view.markExtension);
view.keypad.addEventListener("click", (event) => {
  const { digit } = dataOf(event);
  if (digit) press(digit);
});
view.extensionList.addEventListener("click", (event) => {
  const { extension } = dataOf(event);
  if (!extension) return;
  view.numberField.value = extension;
  view.markExtension();
});
document.addEventListener("keydown", type);
watchSettings({
  onMicrophone: (id) => void device.calls[0]?.setInputDevice(id).catch(complain),
  onSpeaker: (id) => void device.calls[0]?.setSinkId(id).catch(complain),
});
watchToken((token) => {
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
view.numberField.value = query.get("to") ?? view.numberField.value;
view.identityField.value = query.get("identity") ?? view.identityField.value;
view.openLogWhereThereIsRoom();
const unsupported = Device.checkSupport();
if (unsupported) view.showNotice(told(unsupported), { kind: "failed", cause: unsupported.cause });
else void device.restore({ audio: audioConstraints() });
void loadExtensions();
void listDevices();
view.app.dataset.ready = "";
