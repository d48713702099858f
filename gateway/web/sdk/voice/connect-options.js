// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** What a page gives to `connect`, checked before anybody is asked for a microphone. */

import { CallError } from "./errors.js";

/**
 * @typedef {object} ConnectOptions
 * @property {string} [to] number in E.164 form, or a SIP user that the gateway knows
 * @property {string} [from] caller's number, where the gateway grants it
 * @property {string} [displayName] caller's name
 * @property {Record<string, string>} [headers] SIP headers, `X-…` only
 * @property {MediaTrackConstraints} [audio] for this call, over those of the device
 * @property {HTMLAudioElement} [element] plays the call, instead of one that is made and removed
 * @property {AbortSignal} [signal] gives the call up before `connect` is done
 * @property {Record<string, string>} [params] as Twilio's: `To` is `to`, and `X-…` are headers
 * @property {{ audio?: boolean | MediaTrackConstraints }} [rtcConstraints] as Twilio's: its `audio` is `audio`
 */

/** @typedef {Omit<ConnectOptions, "to" | "params" | "rtcConstraints"> & { to: string }} Placed */

/**
 * @param {string} reason
 * @param {unknown} value
 */
const refuse = (reason, value) => new CallError("invalid-argument", { reason: `${reason}, not ${show(value)}` });

/** @param {unknown} value */
function show(value) {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return typeof value;
  }
}

/** @type {readonly [keyof Placed, string, (value: any) => boolean][]} what each may be, if it is given */
const RULES = [
  ["from", '"from" is a number', (value) => typeof value === "string"],
  ["displayName", '"displayName" is a name', (value) => typeof value === "string"],
  ["headers", '"headers" are texts by name', (value) => Object.values(value).every((text) => typeof text === "string")],
  ["audio", '"audio" holds constraints', (value) => typeof value === "object"],
  ["element", '"element" is an <audio>', (value) => value instanceof HTMLMediaElement],
  ["signal", '"signal" is an AbortSignal', (value) => value instanceof AbortSignal],
];

/**
 * @param {ConnectOptions} options
 * @returns {Placed}
 * @throws {CallError} `invalid-argument`
 */
export function readConnectOptions(options) {
  if (options === null || typeof options !== "object") throw refuse("a call is placed by { to }", options);
  const { params = {}, rtcConstraints, ...own } = options;
  const to = own.to ?? params.To ?? params.to;
  if (typeof to !== "string" || !to.trim()) throw refuse('"to" is a number or a SIP user', to);
  const headers = Object.entries(params).filter(([name]) => /^x-/i.test(name));
  const constraints = typeof rtcConstraints?.audio === "object" ? rtcConstraints.audio : undefined;
  const given = Object.entries({ ...own, audio: own.audio ?? constraints }).filter(([, value]) => value != null);
  /** @type {Placed} */
  const placed = { ...Object.fromEntries(given), to: to.trim() };
  if (headers.length || own.headers) placed.headers = { ...Object.fromEntries(headers), ...own.headers };
  for (const [name, rule, fits] of RULES) {
    const value = placed[name];
    if (value !== undefined && !fits(value)) throw refuse(rule, value);
  }
  return placed;
}
