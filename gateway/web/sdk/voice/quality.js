// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * From the browser's getStats to a few numbers per second, and from those to warnings; and what the
 * gateway says of both legs. Pure: time and reports are arguments.
 */

/**
 * @typedef {object} Sample the browser's side of the call, for the time since the last sample
 * @property {number} timestamp ms since the epoch
 * @property {number} packetsSent in total
 * @property {number} packetsReceived in total
 * @property {number} packetsLost in total, toward the browser
 * @property {number} lossFraction 0 to 1, of the packets expected since the last sample
 * @property {number} arrived packets received since the last sample
 * @property {number} jitterMs
 * @property {number | null} rttMs to the gateway
 * @property {number} bitrateIn bit/s
 * @property {number} bitrateOut bit/s
 * @property {number} inputLevel amplitude of the microphone, 0 to 1
 * @property {number} outputLevel amplitude of what is heard, 0 to 1
 * @property {number} bytesReceived in total
 * @property {number} bytesSent in total
 */

/**
 * @typedef {object} LegQuality what came to the gateway on one leg in two seconds; null: not known
 * @property {number | null} mos 1 to 4.5, by the E-model (ITU-T G.107)
 * @property {number | null} loss 0 to 1
 * @property {number | null} jitterMs
 * @property {number | null} rttMs
 * @property {number | null} level in -dBov (RFC 6464): 0 is the loudest, 127 silence
 * @property {number | null} packets
 */

/** @typedef {{ browser: LegQuality, trunk: LegQuality }} Quality both legs, as the gateway sees them */

/**
 * The gateway's `quality` frame.
 *
 * @param {{ [key: string]: unknown }} frame
 * @returns {Quality}
 */
export function qualityFromFrame(frame) {
  return { browser: readLeg(frame.browser), trunk: readLeg(frame.trunk) };
}

/**
 * @param {unknown} leg
 * @returns {LegQuality}
 */
function readLeg(leg) {
  const fields = /** @type {{ [key: string]: unknown }} */ (leg ?? {});
  const read = (/** @type {string} */ name) => (typeof fields[name] === "number" ? fields[name] : null);
  return {
    mos: read("mos"),
    loss: read("loss"),
    jitterMs: read("jitterMs"),
    rttMs: read("rttMs"),
    level: read("level"),
    packets: read("packets"),
  };
}

/** @typedef {{ [key: string]: any }} Stats one entry of an RTCStatsReport */

/**
 * @param {Iterable<Stats>} entries
 * @param {Sample | null} previous
 * @param {number} timestamp ms
 * @returns {Sample}
 */
export function summarize(entries, previous, timestamp) {
  /** @type {Record<string, Stats>} */
  const found = {};
  for (const entry of entries) {
    if (entry.type === "candidate-pair" ? entry.nominated : (entry.kind ?? "audio") === "audio") {
      found[entry.type] = entry;
    }
  }
  const received = found["inbound-rtp"] ?? {};
  const sent = found["outbound-rtp"] ?? {};
  const rtt = found["remote-inbound-rtp"]?.roundTripTime ?? found["candidate-pair"]?.currentRoundTripTime;
  const total = {
    packetsSent: sent.packetsSent ?? 0,
    packetsReceived: received.packetsReceived ?? 0,
    packetsLost: received.packetsLost ?? 0,
    bytesReceived: received.bytesReceived ?? 0,
    bytesSent: sent.bytesSent ?? 0,
  };
  const last = previous ?? { ...total, timestamp };
  const seconds = Math.max(1e-3, (timestamp - last.timestamp) / 1000);
  const arrived = total.packetsReceived - last.packetsReceived;
  const lost = Math.max(0, total.packetsLost - last.packetsLost);
  return {
    ...total,
    timestamp,
    arrived,
    lossFraction: lost ? lost / (lost + arrived) : 0,
    jitterMs: 1000 * (received.jitter ?? 0),
    rttMs: rtt === undefined ? null : 1000 * rtt,
    bitrateIn: (8 * (total.bytesReceived - last.bytesReceived)) / seconds,
    bitrateOut: (8 * (total.bytesSent - last.bytesSent)) / seconds,
    inputLevel: found["media-source"]?.audioLevel ?? 0,
    outputLevel: received.audioLevel ?? 0,
  };
}

/** Name, reading, and the limit above which a person hears it. */
const LIMITS = /** @type {const} */ ([
  ["high-rtt", (/** @type {Sample} */ s) => s.rttMs ?? 0, 400],
  ["high-jitter", (/** @type {Sample} */ s) => s.jitterMs, 30],
  ["high-packet-loss", (/** @type {Sample} */ s) => s.lossFraction, 0.03],
  ["no-audio-received", (/** @type {Sample} */ s) => (s.arrived === 0 ? 1 : 0), 0],
]);

/** A warning takes this many bad samples in a row, and as many good ones to be cleared. */
const PATIENCE = 3;

/** Raises and clears the warnings of one call. */
export class Watch {
  /** @type {Map<string, { active: boolean, streak: number }>} */
  #states = new Map(LIMITS.map(([name]) => [name, { active: false, streak: 0 }]));

  /**
   * @param {Sample} sample
   * @returns {{ name: string, active: boolean, value: number, limit: number }[]} what changed
   */
  feed(sample) {
    const changes = [];
    for (const [name, read, limit] of LIMITS) {
      const state = this.#states.get(name);
      if (!state) continue;
      const value = read(sample);
      state.streak = value > limit === state.active ? 0 : state.streak + 1;
      if (state.streak < PATIENCE) continue;
      state.active = !state.active;
      state.streak = 0;
      changes.push({ name, active: state.active, value, limit });
    }
    return changes;
  }
}
