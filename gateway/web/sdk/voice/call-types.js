// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** What a call says and what it is made of. Types only: browsers never load this file. */

export {};

/** @typedef {import("./call.js").Call} Call */
/** @typedef {import("./errors.js").CallError} CallError */
/** @typedef {"pending" | "connecting" | "ringing" | "open" | "closed"} CallState */
/** @typedef {import("./errors.js").CallEnd} CallEnd */
/** @typedef {import("./quality.js").Sample} Sample */
/** @typedef {import("./quality.js").Quality} Quality */
/** @typedef {{ browser: string, trunk: string }} Codecs */

/**
 * @typedef {object} CallEvents
 * @property {[state: CallState, previous: CallState]} state
 * @property {[hasEarlyMedia: boolean]} ringing
 * @property {[call: Call]} accept the other side has picked up
 * @property {[muted: boolean, call: Call]} mute
 * @property {[digit: string, info: { direction: "sent" | "received", duration: number | null }]} dtmf
 * @property {[input: number, output: number]} volume 0 to 1 each, 15 times a second
 * @property {[sample: Sample]} sample once a second, what the browser sees
 * @property {[quality: Quality]} quality every two seconds, what the gateway sees
 * @property {[name: string, data: object]} warning
 * @property {[name: string]} warning-cleared
 * @property {[call: Call, end: CallEnd]} cancel ended by this side before the answer
 * @property {[call: Call, end: CallEnd]} reject refused by the far end, the trunk or the gateway
 * @property {[error: CallError, call: Call]} error
 * @property {[call: Call, end: CallEnd]} disconnect always the last event, and always once
 */

/**
 * @typedef {object} CallSetup
 * @property {import("./signaling.js").Signaling} signaling
 * @property {MediaStream} microphone
 * @property {RTCConfiguration} configuration
 * @property {MediaTrackConstraints} [audio]
 * @property {HTMLAudioElement} [element]
 * @property {string} to
 * @property {{ [field: string]: unknown }} fields further ones of the `call` frame
 */
