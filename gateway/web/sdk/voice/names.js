// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * Other names for what calls and devices do: those of Twilio's Voice SDK, of Telnyx's and of JsSIP, so that a
 * page which is written for one of them finds most of what it knows. Each is a line, and does nothing itself.
 */

import { CallError } from "./errors.js";

/** @typedef {import("./call.js").Call} Call */
/** @typedef {import("./call-types.js").AcceptOptions} AcceptOptions */
/** @typedef {import("./device.js").Device} Device */
/** @typedef {import("./digits.js").DigitOptions & { interToneGap?: number }} ToneOptions */
/** @typedef {import("./requests.js").Stage} Stage */
/** @typedef {"pending" | "connecting" | "ringing" | "open" | "reconnecting" | "closed"} Status */

/**
 * @typedef {object} CallNames
 * @property {(options?: AcceptOptions) => Promise<void>} answer
 * @property {(options?: { code?: 480 | 486 | 603 }) => void} decline
 * @property {() => void} ignore lets it ring at other pages; the caller hears nothing of it
 * @property {() => void} hangup
 * @property {() => void} terminate
 * @property {() => void} unmute
 * @property {() => void} toggleMute
 * @property {() => void} muteAudio
 * @property {() => void} unmuteAudio
 * @property {() => void} toggleAudioMute
 * @property {() => Promise<void>} unhold
 * @property {() => Promise<void>} toggleHold
 * @property {() => { local: boolean, remote: boolean }} isOnHold
 * @property {() => boolean} isInProgress
 * @property {() => boolean} isEstablished
 * @property {() => boolean} isEnded
 * @property {(digits: string | number, options?: ToneOptions) => void} sendDTMF
 * @property {(digits: string | number, options?: ToneOptions) => void} dtmf
 * @property {(target: string | Call | { identity: string }) => Promise<Stage>} refer
 * @property {(target: Call) => Promise<Stage>} attendedTransfer
 * @property {(id: string) => Promise<void>} setAudioInDevice
 * @property {(id: string) => Promise<void>} setAudioOutDevice
 * @property {() => MediaStream | null} getLocalStream
 * @property {() => MediaStream | null} getRemoteStream
 * @property {() => Status} status
 */

/** @type {{ [K in keyof CallNames]: (call: Call, ...args: Parameters<CallNames[K]>) => ReturnType<CallNames[K]> }} */
export const CALL_NAMES = {
  answer: (call, options) => call.accept(options),
  decline: (call, options) => call.reject(options),
  ignore: (call) => call.reject({ code: 480 }),
  hangup: (call) => call.disconnect(),
  terminate: (call) => call.disconnect(),
  unmute: (call) => call.mute(false),
  toggleMute: (call) => call.mute(!call.isMuted()),
  muteAudio: (call) => call.mute(true),
  unmuteAudio: (call) => call.mute(false),
  toggleAudioMute: (call) => call.mute(!call.isMuted()),
  unhold: (call) => call.resume(),
  toggleHold: (call) => (call.held.local ? call.resume() : call.hold()),
  isOnHold: (call) => call.held,
  isInProgress: (call) => !call.codec && !call.end,
  isEstablished: (call) => call.state === "open",
  isEnded: (call) => call.end !== null,
  sendDTMF: (call, digits, options) => call.sendDigits(/** @type {string} */ (digits), tones(options)),
  dtmf: (call, digits, options) => call.sendDigits(/** @type {string} */ (digits), tones(options)),
  refer: (call, target) => call.transfer(target),
  attendedTransfer: (call, target) => call.transfer(target),
  setAudioInDevice: (call, id) => call.setInputDevice(id),
  setAudioOutDevice: (call, id) => call.setSinkId(id),
  getLocalStream: (call) => call.localStream,
  getRemoteStream: (call) => call.remoteStream,
  status: (call) => (call.reconnecting && !call.end ? "reconnecting" : call.state),
};

/**
 * @typedef {object} Telnyx what its `newCall` takes
 * @property {string} destinationNumber
 * @property {string} [callerNumber]
 * @property {string} [callerName]
 * @property {{ name: string, value: string }[]} [customHeaders] `X-…` only
 * @property {string} [micId]
 * @property {HTMLAudioElement} [remoteElement]
 */

/**
 * @typedef {object} DeviceNames
 * @property {(to: string, options?: Omit<import("./connect-options.js").ConnectOptions, "to">) => Promise<Call>} call
 * @property {(options: Telnyx) => Promise<Call>} newCall
 * @property {() => void} terminateSessions
 * @property {() => boolean} isRegistered
 */

/** @type {{ [K in keyof DeviceNames]: (device: Device, ...args: Parameters<DeviceNames[K]>) => ReturnType<DeviceNames[K]> }} */
export const DEVICE_NAMES = {
  call: (device, to, options) => device.connect({ ...options, to }),
  newCall: async (device, options) => device.connect(fromTelnyx(options)),
  terminateSessions: (device) => device.disconnectAll(),
  isRegistered: (device) => device.identity !== null,
};

/** @typedef {import("./errors.js").CallEnd} CallEnd */
/** @typedef {readonly [string, (of: any, ...args: any[]) => object | boolean]} EventName our event, and what of it is told, if anything */

/** @param {Call} call */
const answerer = (call) => ({ originator: call.direction === "outgoing" ? "remote" : "local" });

/** @param {CallEnd} end */
const over = ({ by, cause }) => ({ originator: by, cause });

const AUDIO = { audio: true, video: false };

/** Events of JsSIP's sessions. @type {Readonly<Record<string, EventName>>} */
export const CALL_EVENTS = {
  progress: ["ringing", answerer],
  accepted: ["accept", answerer],
  confirmed: ["accept", answerer],
  ended: ["disconnect", (call, _, end) => call.codec && over(end)],
  failed: ["disconnect", (call, _, end) => !call.codec && over(end)],
  transferred: ["disconnect", (_, __, end) => /^(transferred|handed-over)$/.test(end.cause) && over(end)],
  hold: ["held", (_, by) => ({ originator: by })],
  unhold: ["resumed", (_, by) => ({ originator: by })],
  muted: ["mute", (_, on) => on && AUDIO],
  unmuted: ["mute", (_, on) => !on && AUDIO],
  newDTMF: [
    "dtmf",
    (_, tone, { direction, duration }) => ({
      originator: direction === "sent" ? "local" : "remote",
      dtmf: { tone, duration },
    }),
  ],
};

/** Events of JsSIP's user agent. @type {Readonly<Record<string, EventName>>} */
export const DEVICE_EVENTS = {
  newRTCSession: ["incoming", (_, session) => ({ originator: "remote", session })],
};

export const CALL_STATES = /** @type {const} */ ({
  Closed: "closed", Connecting: "connecting", Open: "open", Pending: "pending", Reconnecting: "reconnecting", Ringing: "ringing",
});

export const DEVICE_STATES = /** @type {const} */ ({
  Destroyed: "destroyed", Registered: "registered", Registering: "registering", Unregistered: "unregistered",
});

export const DEVICE_EVENT_NAMES = /** @type {const} */ ({
  ...DEVICE_STATES, Error: "error", Incoming: "incoming", TokenWillExpire: "tokenWillExpire",
});

/**
 * @template {new (...args: any[]) => object} Base
 * @param {Base} base
 * @param {Record<string, (object: any, ...args: any[]) => unknown>} names
 * @returns {any} a class that has them besides
 */
export function named(base, names) {
  class Named extends base {}
  for (const [name, act] of Object.entries(names)) {
    /**
     * @this {unknown}
     * @param {unknown[]} args
     */
    const value = function (...args) {
      return act(this, ...args);
    };
    Object.defineProperty(Named.prototype, name, { value, writable: true, configurable: true });
  }
  return Named;
}

/** @param {ToneOptions} [options] JsSIP calls the gap otherwise */
const tones = ({ interToneGap, ...options } = {}) =>
  interToneGap === undefined ? options : { gap: interToneGap, ...options };

/** @param {Telnyx} options */
function fromTelnyx(options) {
  if (options === null || typeof options !== "object") {
    throw new CallError("invalid-argument", { reason: "a call is placed by { destinationNumber }" });
  }
  const { destinationNumber, callerNumber, callerName, customHeaders = [], micId, remoteElement } = options;
  return {
    to: destinationNumber,
    from: callerNumber,
    displayName: callerName,
    headers: Object.fromEntries(customHeaders.map(({ name, value }) => [name, value])),
    audio: micId ? { deviceId: { exact: micId } } : undefined,
    element: remoteElement,
  };
}
