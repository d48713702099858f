// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** The way that sound takes, out of the browser's statistics. Pure. */

/**
 * @typedef {object} Path
 * @property {"direct" | "relay"} kind
 * @property {string} candidate its type, as ICE has it: host, srflx, prflx, relay
 * @property {"udp" | "tcp" | "tls"} protocol between browser and gateway, or browser and relay
 * @property {number | null} rttMs of the checks on it
 */

/** @typedef {{ [key: string]: any }} Stats one entry of an RTCStatsReport */

/**
 * @param {Stats[]} stats
 * @returns {Path | null} null while none is chosen
 */
export function summarizePath(stats) {
  const chosen = stats.find(({ type }) => type === "transport")?.selectedCandidatePairId;
  const pairs = stats.filter(({ type }) => type === "candidate-pair");
  const pair =
    pairs.find(({ id, selected }) => id === chosen || selected) ??
    pairs.find(({ nominated, state }) => nominated && state === "succeeded");
  const local = stats.find(({ id }) => id === pair?.localCandidateId);
  if (!pair || !local) return null;
  const relay = local.candidateType === "relay";
  const protocol = String((relay ? local.relayProtocol : local.protocol) ?? local.protocol ?? "udp").toLowerCase();
  const { totalRoundTripTime: total, responsesReceived: count, currentRoundTripTime: current } = pair;
  const trip = total !== undefined && count ? total / count : current;
  return {
    kind: relay ? "relay" : "direct",
    candidate: String(local.candidateType),
    protocol: protocol === "tcp" || protocol === "tls" ? protocol : "udp",
    rttMs: trip === undefined ? null : 1000 * trip,
  };
}
