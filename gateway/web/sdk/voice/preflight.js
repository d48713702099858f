// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * A test of the connection before anybody is called, as a page has it: events while it runs, and a report.
 * What it does stands in preflight/, which is fetched when a test begins.
 */

import { Emitter } from "./emitter.js";
import { asCallError, CallError } from "./errors.js";
import { say } from "./words.js";

/** @typedef {import("./preflight/verdict.js").Report} Report */
/** @typedef {import("./preflight/run.js").Progress} Progress */

/**
 * @typedef {object} PreflightOptions
 * @property {string} [url] of the gateway's WebSocket, as of `Device`
 * @property {string | import("./access.js").FetchToken} [token]
 * @property {import("./access.js").FetchToken} [fetchToken]
 * @property {string | (() => string | Promise<string>)} [challenge]
 * @property {MediaTrackConstraints} [audio] over echoCancellation, noiseSuppression and autoGainControl: true
 * @property {RTCIceServer[]} [iceServers] instead of those that the gateway names
 * @property {RTCIceTransportPolicy} [iceTransportPolicy]
 * @property {string} [language] of the report's sentences, such as "de"; by default the page's
 * @property {number} [seconds] that sound is measured for; 5, and at most 12
 * @property {AbortSignal} [signal] stops it, as `stop` does
 */

/**
 * @typedef {object} PreflightEvents
 * @property {[progress: Progress]} progress
 * @property {[]} connected the gateway can be reached with sound
 * @property {[sample: import("./preflight/echo.js").Sample]} sample of that sound
 * @property {[name: string, reason: Report["reasons"][number]]} warning calls work, and this is not as it should be
 * @property {[report: Report]} completed calls work, well or badly: see `report.verdict`
 * @property {[error: CallError, report: Report]} failed calls do not work, or the test was stopped
 */

/** @extends {Emitter<PreflightEvents>} */
export class Preflight extends Emitter {
  /** @type {"running" | "completed" | "failed"} */
  status = "running";
  /** @type {Report | null} */
  report = null;
  #stop = new AbortController();

  /** @param {PreflightOptions & { url: string }} options */
  constructor(options) {
    super();
    if (options.signal?.aborted) this.stop();
    options.signal?.addEventListener("abort", () => this.stop(), { signal: this.#stop.signal });
    /** @type {Promise<Report>} the same as by the events; it does not reject for a test that fails */
    this.finished = this.#run(options);
  }

  /** Ends the test now; `failed` follows. */
  stop() {
    this.#stop.abort();
  }

  /** @param {PreflightOptions & { url: string }} options */
  async #run(options) {
    const startedAt = new Date().toISOString();
    /** @type {Report} */
    let report;
    try {
      const { run } = await import("./preflight/run.js").catch((error) => {
        throw new CallError("gateway-unreachable", { reason: String(error) });
      });
      const url = wholeAddress(options.url);
      report = await run({ ...options, url }, this.#stop.signal, (progress) => this.#tell(progress));
    } catch (error) {
      report = withoutTest(asCallError(error), startedAt);
    }
    this.report = report;
    this.status = report.verdict === "failed" ? "failed" : "completed";
    if (this.status === "failed") this.emit("failed", errorOf(report), report);
    else {
      for (const reason of report.reasons) this.emit("warning", reason.name, reason);
      this.emit("completed", report);
    }
    return report;
  }

  /** @param {Progress} progress */
  #tell(progress) {
    const { step, state, sample } = progress;
    this.emit("progress", progress);
    if (step === "connection" && state === "passed") this.emit("connected");
    if (sample) this.emit("sample", sample);
  }
}

/**
 * The worst reason as an error, with its own sentences: not each is one that a call can fail for.
 *
 * @param {Report} report
 */
const errorOf = ({ reasons: [{ name, message, advice }], signaling }) =>
  Object.defineProperties(new CallError(name, { reason: signaling.reason }), {
    message: { value: message },
    advice: { value: advice },
  });

/** @param {string} url that may be relative, or of http */
function wholeAddress(url) {
  const { href } = new URL(url, location.href);
  return href.replace(/^http/, "ws");
}

/**
 * What is told where no test could be made.
 *
 * @param {CallError} error
 * @param {string} startedAt
 * @returns {Report}
 */
const withoutTest = ({ name, message, advice, reason }, startedAt) => ({
  verdict: "failed",
  message: say("preflight.failed"),
  reasons: [{ verdict: "failed", name, message, advice }],
  administrator: [],
  microphone: { error: null, label: "", level: null, peak: null, clipped: 0 },
  signaling: { error: name, reason, openMs: null, welcomeMs: null },
  ways: {},
  echo: null,
  tone: null,
  startedAt,
  durationMs: Date.now() - Date.parse(startedAt),
});
