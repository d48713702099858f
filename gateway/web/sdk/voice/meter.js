// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * Sound levels for the eye: 0 at -60 dBFS and below, 1 at 0 dBFS, linear in decibels between.
 *
 * Measured by WebAudio where its clock runs. It does not without an audio device, or before the
 * page was clicked; there the browser's own levels from getStats take over.
 */

const FLOOR_DB = 60;

/** @type {AudioContext | null} shared by all calls: browsers allow but a few */
let context = null;
let users = 0;

/** @param {number} amplitude linear, 0 to 1 */
export function toLevel(amplitude) {
  if (!(amplitude > 0)) return 0;
  return Math.min(1, Math.max(0, 1 + (20 * Math.log10(amplitude)) / FLOOR_DB));
}

/** @returns {AudioContext} the page's, to be released again, also if this throws */
export function acquire() {
  users += 1;
  context ??= new AudioContext();
  // Never settles where there is no audio device; the state is looked at instead.
  if (context.state === "suspended") context.resume().catch(() => {});
  return context;
}

export function release() {
  users -= 1;
  if (users > 0 || !context) return;
  void context.close();
  context = null;
}

/** The level of one stream. */
export class Meter {
  /** @type {MediaStreamAudioSourceNode | undefined} */
  #source;
  /** @type {AnalyserNode | undefined} */
  #analyser;
  #window = new Float32Array(2048); // 43 ms at 48 kHz: about one reading

  /** @param {MediaStream} stream with an audio track */
  constructor(stream) {
    try {
      const audio = acquire();
      this.#source = audio.createMediaStreamSource(stream);
      this.#analyser = audio.createAnalyser();
      this.#analyser.fftSize = this.#window.length;
      this.#source.connect(this.#analyser);
    } catch {
      // Firefox, where the device has another sample rate, say: the call goes on without a meter
    }
  }

  /** @returns {number | null} null while the audio clock stands still, or where there is none */
  level() {
    if (this.#analyser?.context.state !== "running") return null;
    this.#analyser.getFloatTimeDomainData(this.#window);
    let sum = 0;
    for (const sample of this.#window) sum += sample * sample;
    // A full-scale sine is 0 dBFS: its effective value times the square root of two.
    return toLevel(Math.sqrt((2 * sum) / this.#window.length));
  }

  close() {
    this.#source?.disconnect();
    release();
  }
}
