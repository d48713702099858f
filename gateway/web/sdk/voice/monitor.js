// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** The two clocks of a running call: levels for the eye, and a sample of its quality each second. */

import { excerpt } from "./feedback.js";
import { Meter, toLevel } from "./meter.js";
import { summarize, Watch } from "./quality.js";

/** @typedef {import("./quality.js").Sample} Sample */

const LEVEL_INTERVAL = 66;
const SAMPLE_INTERVAL = 1000;
/** The gateway is told at every tenth sample; at the third already, as many calls are short. */
const REPORT_EVERY = 10;
const REPORT_FIRST = 3;
/** Browsers refresh audioLevel this often at best. */
const FALLBACK_INTERVAL = 200;

export class Monitor {
  /** @type {Meter | null} */
  #input = null;
  /** @type {Meter | null} */
  #output = null;
  /** @type {Sample | null} */
  #sample = null;
  #watch = new Watch();
  #closed = false;
  #samples = 0;
  /** @type {ReturnType<typeof setInterval>[]} */
  #timers;
  /** Levels from getStats, for when WebAudio stands still. */
  #fallback = { input: 0, output: 0, at: -Infinity };

  /**
   * @param {object} options
   * @param {import("./media.js").Media} options.media
   * @param {() => boolean} options.expectsAudio whether silence on the wire deserves a warning
   * @param {(input: number, output: number) => void} options.onVolume
   * @param {(sample: Sample) => void} options.onSample
   * @param {(report: object[]) => void} options.onReport for the gateway
   * @param {(change: { name: string, active: boolean, value: number, limit: number }) => void} options.onWarning
   */
  constructor(options) {
    this.options = options;
    this.follow();
    this.#timers = [
      setInterval(() => this.#volume(), LEVEL_INTERVAL),
      setInterval(() => void this.#measure(), SAMPLE_INTERVAL),
    ];
  }

  /** To be called again when a track has come or was swapped. */
  follow() {
    this.#input?.close();
    this.#output?.close();
    const { microphone, remote } = this.options.media;
    this.#input = new Meter(microphone);
    this.#output = remote.getAudioTracks().length ? new Meter(remote) : null;
  }

  close() {
    this.#closed = true;
    this.#timers.forEach(clearInterval);
    this.#input?.close();
    this.#output?.close();
  }

  #volume() {
    const input = this.#input?.level() ?? null;
    const output = this.#output ? this.#output.level() : 0;
    if (input !== null && output !== null) {
      this.options.onVolume(input, output);
      return;
    }
    const { media, onVolume } = this.options;
    onVolume(media.muted ? 0 : this.#fallback.input, this.#fallback.output);
    const now = performance.now();
    if (now - this.#fallback.at < FALLBACK_INTERVAL) return;
    this.#fallback.at = now;
    void this.#report().then((report) => {
      const sample = report && summarize(report.values(), this.#sample, Date.now());
      this.#fallback.input = toLevel(sample?.inputLevel ?? 0);
      this.#fallback.output = toLevel(sample?.outputLevel ?? 0);
    });
  }

  async #measure() {
    const report = await this.#report();
    if (!report) return;
    const sample = summarize(report.values(), this.#sample, Date.now());
    this.#sample = sample;
    this.#samples += 1;
    if (this.#samples % REPORT_EVERY === REPORT_FIRST) this.options.onReport(excerpt(report.values()));
    this.options.onSample(sample);
    if (!this.options.expectsAudio()) return;
    for (const change of this.#watch.feed(sample)) this.options.onWarning(change);
  }

  /** @returns {Promise<RTCStatsReport | null>} null when the call has ended meanwhile */
  async #report() {
    try {
      const report = await this.options.media.rtc.getStats();
      return this.#closed ? null : report;
    } catch (error) {
      if (this.#closed) return null;
      throw error;
    }
  }
}
