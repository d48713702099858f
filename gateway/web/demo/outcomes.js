// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * What a call came to, as the page shows it: a few words, an icon and a tone. A busy line is neither a
 * fault nor an end like any other, and must not look like one. The client's registry tells of each cause
 * what kind of end it is; the causes that people tell apart have words of their own here.
 */

import { ENDINGS } from "/sdk/voice-client.js";

/** @typedef {import("/sdk/voice-client.js").Call} Call */
/** @typedef {{ cause: string, by?: string, sipCode?: number | null }} End of a call, or an error */
/** @typedef {"quiet" | "warm" | "bad"} Tone */

/**
 * @typedef {object} Outcome
 * @property {string} name for styles and tests
 * @property {string} words
 * @property {string} icon a symbol of the page's
 * @property {Tone} tone
 */

/**
 * @param {string} name
 * @param {string} words
 * @param {string} icon
 * @param {Tone} tone
 * @returns {Readonly<Outcome>}
 */
const outcome = (name, words, icon, tone) => Object.freeze({ name, words, icon, tone });

const MISSED = outcome("missed", "Missed call", "missed", "warm");
const DECLINED_HERE = outcome("declined", "Call declined", "cross", "quiet");

const UNAVAILABLE = outcome("unavailable", "Not available", "clock", "warm");
const LINES_BUSY = outcome("busy", "All lines busy", "busy", "warm");
const NOT_IN_SERVICE = outcome("not-found", "Wrong number", "slash", "bad");

/** @type {Readonly<Record<string, Readonly<Outcome>>>} */
const BY_CAUSE = {
  "busy": outcome("busy", "Line busy", "busy", "warm"),
  "congestion": LINES_BUSY,
  "no-capacity": LINES_BUSY,
  "rejected": outcome("declined", "Call declined", "hangup", "bad"),
  "no-answer": outcome("no-answer", "No answer", "clock", "warm"),
  "unavailable": UNAVAILABLE,
  "limit-reached": UNAVAILABLE,
  "not-found": NOT_IN_SERVICE,
  "incomplete-number": NOT_IN_SERVICE,
  "bad-target": NOT_IN_SERVICE,
  "answered-elsewhere": outcome("moved", "Answered elsewhere", "away", "quiet"),
  "transferred": outcome("moved", "Call transferred", "away", "quiet"),
  "handed-over": outcome("moved", "Call handed over", "away", "quiet"),
};

/** @type {Readonly<Record<import("/sdk/voice/errors.js").Kind, Readonly<Outcome>>>} */
const BY_KIND = {
  normal: outcome("ended", "Call ended", "check", "quiet"),
  canceled: outcome("canceled", "Call canceled", "cross", "quiet"),
  refused: outcome("refused", "Call not possible", "slash", "bad"),
  failed: outcome("failed", "Call failed", "warning", "bad"),
};

/**
 * @param {End} end
 * @param {Call | null} call null where it did not come to one
 */
export function outcomeOf(end, call) {
  const kind = ENDINGS[end.cause]?.kind ?? ((end.sipCode ?? 200) >= 300 ? "refused" : "normal");
  if (call?.direction === "incoming" && !call.codec && kind !== "failed") {
    if (end.by === "local") return DECLINED_HERE;
    if (end.cause !== "answered-elsewhere") return MISSED;
  }
  // A gateway without time for another call says `busy` as well
  if (end.cause === "busy" && end.sipCode === 503) return LINES_BUSY;
  return BY_CAUSE[end.cause] ?? BY_KIND[kind];
}
