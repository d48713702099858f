// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * From what was found to one verdict, with reasons for the person at the page and a list for whoever
 * looks after the network. Pure.
 */

import { fill } from "../../texts/index.js";

/** @typedef {import("./echo.js").EchoResult} EchoResult */
/** @typedef {import("./ways.js").Way} Way */
/** @typedef {import("./ways.js").WayResult} WayResult */
/** @typedef {import("../../texts/index.js").Texts} Texts */
/** @typedef {"good" | "fair" | "poor" | "failed"} Verdict */

/**
 * @typedef {object} MicrophoneResult
 * @property {string | null} error a word of the texts
 * @property {string} label what the system calls it
 * @property {number | null} level of the loudest moment in dBFS; null where the browser does not tell
 * @property {number | null} peak of the highest sample in dBFS
 * @property {number} clipped share of samples at the limit
 */

/**
 * @typedef {object} SignalingResult
 * @property {string | null} error a word of the texts
 * @property {string} reason the gateway's own words, for the operator
 * @property {number | null} openMs until the WebSocket stood
 * @property {number | null} welcomeMs until the gateway has welcomed the page
 */

/**
 * @typedef {object} Findings
 * @property {string} url of the gateway's WebSocket
 * @property {boolean} stopped
 * @property {MicrophoneResult} microphone
 * @property {SignalingResult} signaling
 * @property {Partial<Record<Way, WayResult>>} ways
 * @property {EchoResult | null} echo null where it did not come to that
 * @property {boolean} relayOnly whether sound may go by a relay alone
 * @property {{ sent: { level: number, frequency: number }, heard: import("./sound.js").Heard | null } | null} tone
 *   what was sent where it was no voice, and what came back
 */

/**
 * @typedef {object} Reason
 * @property {string} name for programs
 * @property {Verdict} verdict that it makes by itself
 * @property {string} message what is wrong, for the person at the page
 * @property {string} advice what to do about it; may be empty
 */

/**
 * @typedef {object} Rule for a firewall
 * @property {"socket" | "udp" | "relay"} name
 * @property {string} message
 * @property {boolean | null} works as it is; null where that was not seen
 */

/**
 * @typedef {object} Report
 * @property {Verdict} verdict
 * @property {string} message the verdict in a sentence
 * @property {Reason[]} reasons the worst first; none for "good"
 * @property {Rule[]} administrator what the network has to let through
 * @property {MicrophoneResult} microphone
 * @property {SignalingResult} signaling
 * @property {Partial<Record<Way, WayResult>>} ways
 * @property {EchoResult | null} echo
 * @property {Findings["tone"]} tone
 * @property {string} startedAt ISO 8601
 * @property {number} durationMs
 */

/** @type {readonly Verdict[]} */
const VERDICTS = ["good", "fair", "poor", "failed"];

const QUIET = -45; // dBFS of the loudest moment: speech is 20 dB above
const SILENT = -85; // dBFS of the highest sample: an open microphone has noise
const CLIPPING = 0.001; // share of samples

/**
 * From where on a reading is heard, and from where on it spoils a call: delay by ITU-T G.114 (both ways), loss by
 * what Opus repairs, jitter by what a buffer takes up before the delay is noticed.
 *
 * @type {readonly { name: string, step: string, read: (sample: import("./echo.js").Sample) => number | null, fair: number, poor: number, scale: number }[]}
 */
export const LIMITS = [
  { name: "loss-high", step: "loss", read: (s) => most(s.lossUp, s.lossDown), fair: 0.015, poor: 0.05, scale: 100 },
  { name: "jitter-high", step: "jitter", read: (s) => most(s.jitterUpMs, s.jitterDownMs), fair: 30, poor: 80, scale: 1 },
  { name: "round-trip-high", step: "round-trip", read: (s) => s.rttMs, fair: 250, poor: 500, scale: 1 },
];

/** @param {(number | null)[]} values */
function most(...values) {
  const known = values.filter((value) => value !== null);
  return known.length ? Math.max(...known) : null;
}

/**
 * @param {Findings} findings
 * @param {Texts} texts
 */
export function judge(findings, texts) {
  const reasons = [...causes(findings)]
    .map(([verdict, name, message, advice, values]) => ({
      verdict,
      name,
      message: fill(texts[message] ?? texts["error.media-failed"], values ?? {}),
      advice: texts[advice] ?? "",
    }))
    .sort((one, other) => VERDICTS.indexOf(other.verdict) - VERDICTS.indexOf(one.verdict));
  const verdict = reasons[0]?.verdict ?? "good";
  return { verdict, message: texts[`preflight.${verdict}`], reasons, administrator: [...rules(findings, texts)] };
}

/** @typedef {[verdict: Verdict, name: string, message: string, advice: string, values?: Record<string, string | number>]} Cause */

/**
 * @param {Findings} findings
 * @returns {Generator<Cause>}
 */
function* causes({ stopped, microphone, signaling, ways, echo, relayOnly }) {
  if (stopped) {
    yield ["failed", "stopped", "preflight.stopped", ""];
    return;
  }
  if (microphone.error) yield failure(microphone.error);
  if (signaling.error) yield failure(signaling.error);
  if (echo?.error) yield failure(echo.error);
  yield* ofVoice(microphone);
  if (!echo || echo.error) return;
  yield* ofSound(echo, microphone);
  const { path } = echo;
  const hampered = path?.kind === "relay" && path.protocol !== "udp";
  if (hampered && !relayOnly) yield ["fair", "udp-blocked", "preflight.udp-blocked", "preflight.advice-administrator"];
  else if (hampered && ways["relay-udp"]?.state === "failed") {
    yield ["fair", "udp-blocked", "preflight.udp-blocked", "preflight.advice-administrator"];
  }
}

/** Words that are said otherwise before a call than when one fails. */
const OWN = new Set(["socket-blocked", "media-failed", "no-media-path", "media-lost", "limit-reached"]);
/** @type {Readonly<Record<string, string>>} */
const OWN_TEXT = { "no-media-path": "path-missing", "media-failed": "path-missing", "media-lost": "path-lost", "limit-reached": "too-many" };
/** @type {Readonly<Record<string, string>>} */
const OWN_ADVICE = { "limit-reached": "later", "socket-blocked": "socket" };

/**
 * @param {string} name
 * @returns {Cause}
 */
function failure(name) {
  if (!OWN.has(name)) return ["failed", name, `error.${name}`, `advice.${name}`];
  return ["failed", name, `preflight.${OWN_TEXT[name] ?? name}`, `preflight.advice-${OWN_ADVICE[name] ?? "administrator"}`];
}

/**
 * @param {MicrophoneResult} microphone
 * @returns {Generator<Cause>}
 */
function* ofVoice({ error, level, peak, clipped }) {
  if (error || level === null) return;
  if ((peak ?? level) < SILENT) yield ["poor", "level-silent", "preflight.level-silent", "preflight.advice-microphone"];
  else if (level < QUIET) yield ["fair", "level-low", "preflight.level-low", "preflight.advice-microphone"];
  else if (clipped > CLIPPING) yield ["fair", "level-clipping", "preflight.level-clipping", "preflight.advice-clipping"];
}

/**
 * @param {EchoResult} echo
 * @param {MicrophoneResult} microphone
 * @returns {Generator<Cause>}
 */
function* ofSound({ sample }, microphone) {
  if (!sample) return;
  // A page without a microphone has nothing to send, and its reason already
  const hasNothing = !sample.sent && microphone.error;
  // What comes back where nothing was sent is the gateway's comfort noise, and no fault of the network
  if (!hasNothing && !(sample.sent && sample.received)) {
    const advice = sample.sent ? "preflight.advice-administrator" : "advice.microphone-failed";
    yield ["failed", "echo-missing", "preflight.echo-missing", advice];
    return;
  }
  for (const { name, read, fair, poor, scale } of LIMITS) {
    const value = read(sample);
    if (value === null || value < fair) continue;
    const values = { value: Math.round(scale * value * 10) / 10 >= 10 ? Math.round(scale * value) : Math.round(scale * value * 10) / 10 };
    yield [value < poor ? "fair" : "poor", name, `preflight.${name}`, "preflight.advice-network", values];
  }
}

/**
 * @param {Findings} findings
 * @param {Texts} texts
 * @returns {Generator<Rule>}
 */
function* rules({ url, signaling, ways, echo, relayOnly }, texts) {
  const { protocol, hostname, port } = new URL(url);
  const socket = { host: hostname, port: port || (protocol === "wss:" ? 443 : 80) };
  /** @type {(key: string, values: Record<string, string | number>) => string} */
  const say = (key, values) => fill(texts[`preflight.admin-${key}`], values);
  yield { name: "socket", message: say("socket", socket), works: signaling.openMs !== null };
  const hosts = echo?.hosts ?? [];
  if (echo && hosts.length && !relayOnly) {
    const works = echo.path ? echo.path.kind === "direct" : false;
    yield { name: "udp", message: say("udp", { host: hosts.join(", "), ports: ranges(echo.ports) }), works };
  }
  for (const [way, result] of Object.entries(ways)) {
    for (const server of way.startsWith("relay") ? result.servers : []) {
      yield { name: "relay", message: say("relay", { host: relayOf(server) }), works: result.state === "passed" };
    }
  }
}

/** @param {number[]} ports */
export function ranges(ports) {
  /** @type {[number, number][]} */
  const found = [];
  for (const port of [...ports].sort((one, other) => one - other)) {
    const last = found.at(-1);
    if (last && port === last[1] + 1) last[1] = port;
    else found.push([port, port]);
  }
  return found.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`)).join(", ");
}

/**
 * A TURN server as an administrator needs it: RFC 7065 has its ports.
 *
 * @param {string} url
 */
function relayOf(url) {
  const [, scheme, host] = /^(turns?):([^?]+)/.exec(url) ?? ["", "turn", url];
  const withPort = /:\d+$/.test(host) ? host : `${host}:${scheme === "turns" ? 5349 : 3478}`;
  const protocol = scheme === "turns" ? "TLS" : /transport=tcp/i.test(url) ? "TCP" : "UDP";
  return `${withPort} (${protocol})`;
}
