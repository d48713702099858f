// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** The frames of gateway.v1 as they come from the wire: whatever stands in one may be missing or wrong. */

/** @typedef {{ type: string, [key: string]: unknown }} Frame */

/**
 * @typedef {object} Welcome
 * @property {string} session
 * @property {RTCIceServer[]} iceServers
 * @property {RTCIceTransportPolicy} iceTransportPolicy
 * @property {number | null} expires of the token, in seconds since the epoch
 */

/**
 * @param {unknown} data
 * @returns {Frame | null}
 */
export function parse(data) {
  if (typeof data !== "string") return null;
  try {
    const frame = JSON.parse(data);
    return frame !== null && typeof frame === "object" && typeof frame.type === "string" ? frame : null;
  } catch {
    return null;
  }
}

/** @param {unknown} data */
export const brief = (data) => (typeof data === "string" ? data.slice(0, 80) : "binary data");

/**
 * @param {Frame} frame
 * @returns {Welcome}
 */
export const readWelcome = ({ session, iceServers, iceTransportPolicy, expires }) => ({
  session: String(session ?? ""),
  iceServers: Array.isArray(iceServers) ? iceServers : [],
  iceTransportPolicy: iceTransportPolicy === "relay" ? "relay" : "all",
  expires: typeof expires === "number" ? expires : null,
});

/** @param {unknown} value */
export const text = (value) => (typeof value === "string" ? value : undefined);

/**
 * @param {unknown} value
 * @returns {Record<string, string>} its entries that are texts
 */
export function texts(value) {
  if (value === null || typeof value !== "object") return {};
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => typeof entry === "string"));
}
