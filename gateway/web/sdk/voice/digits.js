// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** What may be sent as DTMF, and how long (WebRTC 1.0 section 7.2 and the gateway have the same limits). */

import { CallError } from "./errors.js";

/** @typedef {{ duration?: number, gap?: number }} DigitOptions both in ms */

/** @param {string} reason */
const refuse = (reason) => new CallError("invalid-argument", { reason, fatal: false });

/**
 * @param {string} digits 0-9, A-D, * and #, and the pauses "," (2 s) and "w" (half a second), up to 64 of them
 * @param {DigitOptions} options
 * @returns {{ digits: string, duration: number, gap: number }}
 * @throws {CallError} `invalid-argument`
 */
export function checkDigits(digits, { duration = 100, gap = 70 }) {
  const text = typeof digits === "string" || typeof digits === "number" ? String(digits).toUpperCase() : "";
  if (!/^[0-9A-D*#,W]{1,64}$/.test(text)) throw refuse(`digits are 1 to 64 of 0-9, A-D, *, #, "," and w, not ${typeof digits}`);
  if (!(duration >= 40 && duration <= 6000)) throw refuse(`duration is 40 to 6000 ms, not ${duration}`);
  if (!(gap >= 30 && gap <= 6000)) throw refuse(`gap is 30 to 6000 ms, not ${gap}`);
  return { digits: text, duration, gap };
}

/**
 * @param {string} digit
 * @returns {boolean} whether it is heard
 */
export const isHeard = (digit) => digit !== "," && digit !== "W";
