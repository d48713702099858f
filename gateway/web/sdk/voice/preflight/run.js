// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** One test from its beginning to its report: who waits for whom, and what is told meanwhile. */

import { Access } from "../access.js";
import { asCallError, spokenAs } from "../errors.js";
import { closeMicrophone, openMicrophone } from "../microphone.js";
import { chooseLanguage, loadTexts } from "../../texts/index.js";
import { Echo } from "./echo.js";
import { openLine } from "./line.js";
import { Sound, TONE } from "./sound.js";
import { judge } from "./verdict.js";
import { tryWay, WAYS } from "./ways.js";

const SECONDS = 5;
/** The gateway ends a test after half a minute, of which the connection may take its share. */
const MOST_SECONDS = 12;
const SINE = 3; // dB that a sine of full scale is below RFC 6464's loudest
const MOMENT = 100; // ms between two readings of a level

/** @typedef {import("../preflight.js").PreflightOptions & { url: string }} Options */
/** @typedef {import("./verdict.js").Findings} Findings */
/** @typedef {import("./verdict.js").Report} Report */
/** @typedef {"microphone" | "signaling" | import("./ways.js").Way | "connection" | "sound"} Step */

/**
 * @typedef {object} Progress
 * @property {Step} step
 * @property {"running" | "passed" | "failed" | "skipped"} state
 * @property {number | null} [ms] how long it took
 * @property {number} [level] of the microphone, in dBFS
 * @property {import("./echo.js").Sample} [sample] of the sound
 * @property {import("./path.js").Path | null} [path]
 */

/** @typedef {(progress: Progress) => void} Tell */

/**
 * @param {Options} options
 * @param {AbortSignal} signal
 * @param {Tell} tell
 * @returns {Promise<Report>}
 */
export async function run(options, signal, tell) {
  const began = performance.now();
  const startedAt = new Date().toISOString();
  /** @type {Findings} */
  const findings = {
    url: options.url,
    stopped: false,
    microphone: { error: null, label: "", level: null, peak: null, clipped: 0 },
    signaling: { error: null, reason: "", openMs: null, welcomeMs: null },
    ways: {},
    echo: null,
    relayOnly: false,
    tone: null,
  };
  const languages = [options.language, document.documentElement.lang, ...navigator.languages];
  const loading = loadTexts(chooseLanguage(languages.filter((each) => typeof each === "string")));
  const sound = new Sound();
  const clock = sound.start();
  const [microphone, line] = await Promise.all([
    useMicrophone(options, findings, signal, tell),
    useLine(options, findings, signal, tell),
  ]);
  /** @type {ReturnType<typeof listenTo>} */
  let ear = null;
  try {
    await clock;
    ear = microphone && listenTo(microphone, sound, tell);
    if (line && !signal.aborted) await tryNetwork(options, findings, { line, microphone, sound, signal, tell });
    // Nobody has been heard yet where the network was not tried
    else if (ear && !signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5 * MOMENT));
  } finally {
    if (ear) Object.assign(findings.microphone, ear());
    line?.close();
    if (microphone) closeMicrophone(microphone);
    sound.close();
  }
  findings.stopped = signal.aborted;
  hearThroughGateway(findings);
  const { verdict, message, reasons, administrator } = judge(findings, await loading);
  const { signaling, ways, echo, tone } = findings;
  const durationMs = Math.round(performance.now() - began);
  return {
    verdict, message, reasons, administrator,
    microphone: findings.microphone, signaling, ways, echo, tone, startedAt, durationMs,
  };
}

/**
 * @param {Options} options
 * @param {Findings} findings
 * @param {AbortSignal} signal
 * @param {Tell} tell
 * @returns {Promise<MediaStream | null>}
 */
async function useMicrophone({ audio }, { microphone }, signal, tell) {
  if (signal.aborted) return null; // before anybody is asked
  tell({ step: "microphone", state: "running" });
  /** @type {Promise<null>} a person may never answer the prompt */
  const stopped = new Promise((resolve) => signal.addEventListener("abort", () => resolve(null), { once: true }));
  const opening = openMicrophone(audio);
  try {
    const stream = await Promise.race([opening, stopped]);
    if (!stream) {
      opening.then(closeMicrophone, () => {});
      return null;
    }
    microphone.label = stream.getAudioTracks()[0]?.label ?? "";
    tell({ step: "microphone", state: "passed" });
    return stream;
  } catch (error) {
    microphone.error = error instanceof Error ? error.name : "microphone-failed";
    tell({ step: "microphone", state: "failed" });
    return null;
  }
}

/**
 * @param {Options} options
 * @param {Findings} findings
 * @param {AbortSignal} signal
 * @param {Tell} tell
 */
async function useLine(options, { signaling }, signal, tell) {
  tell({ step: "signaling", state: "running" });
  const access = new Access(options);
  try {
    const line = await openLine(options.url, () => access.hello(), signal);
    signaling.openMs = line.openMs;
    signaling.welcomeMs = line.welcomeMs;
    tell({ step: "signaling", state: "passed", ms: line.welcomeMs });
    return line;
  } catch (error) {
    const { name, sipCode, reason } = asCallError(error);
    signaling.error = spokenAs(name, sipCode);
    signaling.reason = reason;
    tell({ step: "signaling", state: "failed" });
    return null;
  }
}

/**
 * @param {MediaStream} microphone
 * @param {Sound} sound
 * @param {Tell} tell
 * @returns {(() => { level: number, peak: number, clipped: number }) | null} what ends it, and returns what was heard
 */
function listenTo(microphone, sound, tell) {
  const ear = sound.ear(microphone);
  if (!ear) return null;
  const timer = setInterval(() => {
    tell({ step: "microphone", state: "passed", level: ear.listen().level });
  }, MOMENT);
  return () => {
    clearInterval(timer);
    ear.listen();
    ear.close();
    return ear.summary;
  };
}

/**
 * @typedef {object} Tools
 * @property {import("./line.js").Line} line
 * @property {MediaStream | null} microphone
 * @property {Sound} sound
 * @property {AbortSignal} signal
 * @property {Tell} tell
 */

/**
 * @param {Options} options
 * @param {Findings} findings
 * @param {Tools} tools
 */
async function tryNetwork(options, findings, tools) {
  const { line, signal, tell } = tools;
  const iceServers = options.iceServers ?? line.iceServers;
  findings.relayOnly = [options.iceTransportPolicy, line.iceTransportPolicy].includes("relay");
  const ways = WAYS.map(async (way) => {
    tell({ step: way, state: "running" });
    const result = (findings.ways[way] = await tryWay(iceServers, way, signal));
    tell({ step: way, state: result.state, ms: result.ms });
  });
  /** @type {RTCConfiguration} */
  const configuration = { iceServers, iceTransportPolicy: findings.relayOnly ? "relay" : "all" };
  await Promise.all([hearEcho(options, configuration, findings, tools), ...ways]);
}

/**
 * @param {Options} options
 * @param {RTCConfiguration} configuration
 * @param {Findings} findings
 * @param {Tools} tools
 */
async function hearEcho({ seconds = SECONDS }, configuration, findings, { line, microphone, sound, signal, tell }) {
  tell({ step: "connection", state: "running" });
  const tone = sound.tone();
  if (tone) findings.tone = { sent: TONE, heard: null };
  /** @type {Echo} */
  let echo;
  try {
    echo = new Echo(line, configuration, tone ?? microphone, signal);
  } catch (error) {
    findings.signaling.reason = String(error);
    findings.signaling.error = "invalid-argument";
    tell({ step: "connection", state: "failed" });
    return;
  }
  /** @type {import("./sound.js").Ear | null} */
  let ear = null;
  echo.onStream = (stream) => (ear = tone && sound.ear(stream));
  findings.echo = await echo.run(Math.min(seconds, MOST_SECONDS), {
    onConnected: ({ iceMs, dtlsMs, path }) => {
      tell({ step: "connection", state: "passed", ms: (iceMs ?? 0) + (dtlsMs ?? 0), path });
      tell({ step: "sound", state: "running" });
    },
    onSample: (sample) => {
      if (ear && findings.tone) findings.tone.heard = louder(findings.tone.heard, ear.listen());
      tell({ step: "sound", state: "running", sample });
    },
  });
  const { error, iceMs, sample } = findings.echo;
  if (error && iceMs === null) tell({ step: "connection", state: "failed" });
  const worked = !error && (sample?.sent ?? 0) > 0 && (sample?.received ?? 0) > 0;
  const hasNothing = !error && !sample?.sent && findings.microphone.error !== null;
  const skipped = iceMs === null || hasNothing;
  tell({ step: "sound", state: worked ? "passed" : skipped ? "skipped" : "failed", sample: sample ?? undefined });
}

/**
 * @param {import("./sound.js").Heard | null} before
 * @param {import("./sound.js").Heard} now
 */
const louder = (before, now) => (before && before.level > now.level ? before : now);

/**
 * Where the browser's own audio clock stands still, the voice was sent, and the gateway has heard it.
 *
 * @param {Findings} findings
 */
function hearThroughGateway({ microphone, echo, tone }) {
  const level = echo?.sample?.levelUp;
  if (microphone.error || microphone.level !== null || tone || typeof level !== "number") return;
  microphone.level = level + SINE;
}
