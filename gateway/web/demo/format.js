// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** Figures as people read them. */

export const UNKNOWN = "–";

/** @param {number} ms */
export function clock(ms) {
  const seconds = Math.floor(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/**
 * @param {number | null} value
 * @param {string} [unit]
 */
export function figure(value, unit = "") {
  return value === null ? UNKNOWN : `${value.toFixed(value < 9.95 ? 1 : 0)} ${unit}`.trim();
}

/** @param {number | null} fraction */
export const percent = (fraction) => (fraction === null ? null : 100 * fraction);

/**
 * Who calls here, in words.
 *
 * @param {{ displayName?: string | null, from?: string | null } | null} call
 * @returns {{ name: string, number: string }} the number is empty where it stands as the name
 */
export function callerOf(call) {
  const { displayName, from } = call ?? {};
  const number = !from || from === "anonymous" ? "Number withheld" : from;
  return displayName ? { name: displayName, number } : { name: number, number: "" };
}
