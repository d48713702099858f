// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * A test of the connection before anybody is called, as a page has it: events while it runs, and a report.
 * What it does stands in preflight/, which is fetched when a test begins.
 */

import { Emitter } from "./emitter.js";

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
 * @property {number} [seconds] that sound is measured for; 5
 * @property {AbortSignal} [signal] stops it, as `stop` does
 */

/**
 * @typedef {object} PreflightEvents
 * @property {[progress: Progress]} progress
 * @property {[report: Report]} completed calls work, well or badly: see `report.verdict`
 * @property {[report: Report]} failed calls do not work, or the test was stopped
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
    const { run } = await import("./preflight/run.js");
    const report = await run(options, this.#stop.signal, (progress) => this.emit("progress", progress));
    this.report = report;
    this.status = report.verdict === "failed" ? "failed" : "completed";
    this.emit(this.status, report);
    return report;
  }
}
