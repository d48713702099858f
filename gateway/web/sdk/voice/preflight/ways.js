// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * Which ways there are for sound to leave this network: each kind of address is asked for by a
 * connection of its own, to nobody. Whether one of them leads to the gateway is seen by the echo.
 */

import { UNREACHABLE } from "../ice.js";

/** A relay by TCP or TLS takes three round trips more; what takes longer than this helps no call. */
const LIMIT = 6_000;

/** @typedef {"host" | "reflexive" | "relay-udp" | "relay-tcp" | "relay-tls"} Way */

/**
 * @typedef {object} WayResult
 * @property {"passed" | "failed" | "skipped"} state skipped: the gateway offers no server for it
 * @property {number | null} ms until the address was there
 * @property {string[]} servers that were asked
 * @property {string} error what the last server said
 */

/** @type {readonly Way[]} */
export const WAYS = ["host", "reflexive", "relay-udp", "relay-tcp", "relay-tls"];

/**
 * @param {string} url of a STUN or TURN server
 * @returns {Way}
 */
export function wayOf(url) {
  if (url.startsWith("stun")) return "reflexive";
  if (url.startsWith("turns:")) return "relay-tls";
  return /[?&]transport=tcp\b/i.test(url) ? "relay-tcp" : "relay-udp";
}

/**
 * @param {RTCIceServer[]} servers
 * @param {Way} way
 * @param {AbortSignal} signal
 * @returns {Promise<WayResult>}
 */
export async function tryWay(servers, way, signal) {
  const chosen = servers.flatMap((server) =>
    [server.urls]
      .flat()
      .filter((url) => wayOf(url) === way)
      .map((urls) => ({ ...server, urls })),
  );
  const urls = chosen.map((server) => server.urls);
  if (way !== "host" && !chosen.length) return { state: "skipped", ms: null, servers: [], error: "" };
  const began = performance.now();
  const { found, error } = await gather(chosen, way, signal);
  return { state: found ? "passed" : "failed", ms: found ? performance.now() - began : null, servers: urls, error };
}

/**
 * @param {RTCIceServer[]} iceServers
 * @param {Way} way
 * @param {AbortSignal} signal
 * @returns {Promise<{ found: boolean, error: string }>}
 */
async function gather(iceServers, way, signal) {
  const type = { host: "host", reflexive: "srflx" }[/** @type {string} */ (way)] ?? "relay";
  /** @type {RTCPeerConnection} */
  let peer;
  try {
    peer = new RTCPeerConnection({ iceServers, iceTransportPolicy: type === "relay" ? "relay" : "all" });
  } catch (error) {
    return { found: false, error: error instanceof Error ? error.message : String(error) };
  }
  let complaint = "";
  try {
    const found = await new Promise((resolve) => {
      const over = () => resolve(false);
      setTimeout(over, LIMIT);
      signal.addEventListener("abort", over, { once: true });
      peer.onicecandidate = ({ candidate }) => {
        if (candidate?.type === type) resolve(true);
        // Without a NAT the address that STUN tells is one that is known, and is left out
        else if (candidate === null) resolve(type === "srflx" && !complaint);
      };
      peer.onicecandidateerror = ({ errorCode, errorText }) => {
        complaint = `${errorCode} ${errorText}`.trim();
        if (errorCode < UNREACHABLE && iceServers.length === 1) resolve(false);
      };
      peer.createDataChannel("");
      peer.createOffer().then((offer) => peer.setLocalDescription(offer), over);
    });
    return { found, error: found ? "" : complaint };
  } finally {
    peer.onicecandidate = peer.onicecandidateerror = null;
    peer.close();
  }
}
