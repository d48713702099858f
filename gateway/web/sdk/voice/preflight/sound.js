// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * What is said into the test and what is heard: the microphone's level, and a tone of our own where
 * the audio clock runs. It does not where there is no audio device, or before the page was clicked.
 */

/** Well inside every phone's band, and as loud as speech: Hz, dBFS. */
export const TONE = Object.freeze({ frequency: 500, level: -20 });
const CLIPPED = 0.985;
const FLOOR = -100; // dBFS
const START = 700; // ms that the audio clock may take

/** @param {number} amplitude */
const decibels = (amplitude) => (amplitude > 0 ? Math.max(FLOOR, 20 * Math.log10(amplitude)) : FLOOR);

/**
 * @typedef {object} Heard
 * @property {number} level of a sine of that power, in dBFS
 * @property {number} frequency of the strongest part, in Hz
 */

/** The audio clock and all that hangs on it. */
export class Sound {
  /** @type {AudioContext | null} */
  #context = null;

  /** Starts the clock; false where it stands still. */
  async start() {
    try {
      this.#context = new AudioContext();
      const running = this.#context.resume().then(() => true);
      const late = new Promise((resolve) => setTimeout(resolve, START, false));
      if (await Promise.race([running, late])) return true;
    } catch {
      // No audio device at all
    }
    this.close();
    return false;
  }

  /** @returns {MediaStream | null} a soft tone; null while the clock stands still */
  tone() {
    if (!this.#context) return null;
    const gain = new GainNode(this.#context, { gain: 10 ** (TONE.level / 20) });
    const way = this.#context.createMediaStreamDestination();
    const source = new OscillatorNode(this.#context, { frequency: TONE.frequency });
    source.connect(gain).connect(way);
    source.start();
    return way.stream;
  }

  /**
   * @param {MediaStream} stream
   * @returns {Ear | null}
   */
  ear(stream) {
    return this.#context && stream.getAudioTracks().length ? new Ear(this.#context, stream) : null;
  }

  close() {
    void this.#context?.close();
    this.#context = null;
  }
}

/** Listens to one stream. */
export class Ear {
  #analyser;
  #source;
  #samples;
  #spectrum;
  #all = 0;
  #clipped = 0;
  #peak = 0;
  #loudest = 0;

  /**
   * @param {AudioContext} context
   * @param {MediaStream} stream
   */
  constructor(context, stream) {
    this.#analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
    this.#source = context.createMediaStreamSource(stream);
    this.#source.connect(this.#analyser);
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#spectrum = new Float32Array(this.#analyser.frequencyBinCount);
  }

  /** @returns {Heard} of the last sixth of a second */
  listen() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    this.#analyser.getFloatFrequencyData(this.#spectrum);
    let sum = 0;
    for (const sample of this.#samples) {
      const size = Math.abs(sample);
      sum += size * size;
      if (size > this.#peak) this.#peak = size;
      if (size >= CLIPPED) this.#clipped += 1;
    }
    this.#all += this.#samples.length;
    const effective = Math.sqrt((2 * sum) / this.#samples.length);
    this.#loudest = Math.max(this.#loudest, effective);
    const bin = this.#spectrum.reduce((best, value, index, all) => (value > all[best] ? index : best), 1);
    const frequency = (bin * this.#analyser.context.sampleRate) / this.#analyser.fftSize;
    return { level: decibels(effective), frequency };
  }

  /** Since the beginning: dBFS of the loudest moment and of the highest sample, and the clipped share. */
  get summary() {
    return {
      level: decibels(this.#loudest),
      peak: decibels(this.#peak),
      clipped: this.#all ? this.#clipped / this.#all : 0,
    };
  }

  close() {
    this.#source.disconnect();
  }
}
