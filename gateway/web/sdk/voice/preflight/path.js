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

/** @typedef {{ seconds: number, count: number }} Checks round trips of ICE's checks on the way, up to now */

/** @param {Stats[]} stats */
function chosenPair(stats) {
  const chosen = stats.find(({ type }) => type === "transport")?.selectedCandidatePairId;
  const pairs = stats.filter(({ type }) => type === "candidate-pair");
  return (
    pairs.find(({ id, selected }) => id === chosen || selected) ??
    pairs.find(({ nominated, state }) => nominated && state === "succeeded")
  );
}

/**
 * @param {Stats[]} stats
 * @returns {Checks | null}
 */
export function checksOf(stats) {
  const { totalRoundTripTime: seconds, responsesReceived: count } = chosenPair(stats) ?? {};
  return typeof seconds === "number" && count ? { seconds, count } : null;
}

/**
 * @param {Stats[]} stats
 * @param {Checks | null} [since] what counts no more: while a connection comes up, much else delays its checks
 * @returns {Path | null} null while none is chosen
 */
export function summarizePath(stats, since = null) {
  const pair = chosenPair(stats);
  const local = stats.find(({ id }) => id === pair?.localCandidateId);
  if (!pair || !local) return null;
  const relay = local.candidateType === "relay";
  const protocol = String((relay ? local.relayProtocol : local.protocol) ?? local.protocol ?? "udp").toLowerCase();
  const all = checksOf(stats);
  const late = all && since && all.count > since.count;
  const seconds = late ? all.seconds - since.seconds : all?.seconds;
  const trip = all ? (seconds ?? 0) / (late ? all.count - since.count : all.count) : pair.currentRoundTripTime;
  return {
    kind: relay ? "relay" : "direct",
    candidate: String(local.candidateType),
    protocol: protocol === "tcp" || protocol === "tls" ? protocol : "udp",
    rttMs: trip === undefined ? null : 1000 * trip,
  };
}
