// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** What a page tells of a call: its person's opinion, and what its browser hears. Pure. */

import { CallError } from "./errors.js";

/** The gateway takes no longer text. */
const LONGEST_ISSUE = 1000;

/**
 * @param {unknown} score
 * @param {unknown} issue
 * @returns {{ score: number, issue?: string } | null} null where there is nothing to tell
 * @throws {CallError} `invalid-argument`
 */
export function checkFeedback(score, issue) {
  if (score === undefined && !issue) return null;
  if (typeof score !== "number" || !Number.isInteger(score) || score < 1 || score > 5) {
    throw invalid(`a score is 1, 2, 3, 4 or 5, not ${JSON.stringify(score)}`);
  }
  if (!issue) return { score };
  if (typeof issue !== "string") throw invalid(`an issue is a text, not ${JSON.stringify(issue)}`);
  // In code points, as the gateway counts.
  if ([...issue].length > LONGEST_ISSUE) throw invalid(`an issue has ${LONGEST_ISSUE} characters at most`);
  return { score, issue };
}

/** @param {string} reason */
const invalid = (reason) => new CallError("invalid-argument", { reason, fatal: false });

/** What the gateway reads of each entry (W3C, Identifiers for WebRTC's Statistics API). */
const FIELDS = /** @type {Readonly<Record<string, readonly string[]>>} */ ({
  "inbound-rtp": ["kind", "packetsLost", "packetsReceived", "jitter", "concealedSamples", "totalSamplesReceived"],
  "remote-inbound-rtp": ["kind", "roundTripTime"],
  "candidate-pair": ["nominated", "currentRoundTripTime"],
});

/**
 * @param {Iterable<import("./quality.js").Stats>} entries of an RTCStatsReport
 * @returns {object[]} the part of it that the gateway reads
 */
export function excerpt(entries) {
  const kept = [];
  for (const entry of entries) {
    const fields = FIELDS[entry.type];
    if (!fields || (entry.type === "candidate-pair" && !entry.nominated)) continue;
    kept.push({ type: entry.type, ...Object.fromEntries(fields.map((name) => [name, entry[name]])) });
  }
  return kept;
}
