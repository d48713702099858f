// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * Tones that the page makes by itself: what a caller hears while the other phone rings and sends no sound,
 * and what rings here. They sound where calls do: by an audio element that has the chosen speaker.
 */

import { acquire, release } from "./meter.js";

/** Below a voice at its usual level. */
const LEVEL = 0.1;
/** How long anything rings; the gateway gives up before. */
const LONGEST = 180;
/** Edges that do not click. */
const EDGE = 0.01;

/** @typedef {import("./call.js").Call} Call */
/** @typedef {{ tones: readonly number[], cadence: readonly number[] }} Tone Hz, and seconds of sound and silence in turn */

/** @typedef {string | boolean} Ringback a key of `RINGBACK`; true is "eu" */

/** Ringing tones of the countries' networks (ITU-T E.180 supplement 2). @type {Readonly<Record<string, Tone>>} */
export const RINGBACK = {
  au: { tones: [400, 425], cadence: [0.4, 0.2, 0.4, 2] },
  cn: { tones: [450], cadence: [1, 4] },
  eu: { tones: [425], cadence: [1, 4] },
  fr: { tones: [440], cadence: [1.5, 3.5] },
  in: { tones: [400], cadence: [0.4, 0.2, 0.4, 2] },
  jp: { tones: [400], cadence: [1, 2] },
  uk: { tones: [400, 450], cadence: [0.4, 0.2, 0.4, 2] },
  us: { tones: [440, 480], cadence: [2, 4] },
};

/** @type {Tone} for calls that come in */
const RING = { tones: [660, 880], cadence: [0.4, 0.2, 0.4, 2] };

export class Tones {
  /** @type {(() => void) | null} */
  #stop = null;
  /** Calls that are to be heard, and by what: the first of them is. @type {Map<Call, Tone>} */
  #wanted = new Map();
  /** @type {Call | undefined} that is heard */
  #heard;

  /**
   * @param {object} options
   * @param {Ringback | ((to: string) => Ringback)} [options.ringback] by the number that is called
   * @param {boolean} [options.ringtone] unless the page has one of its own
   * @param {(ringing: boolean) => string} options.speaker that is chosen, for a call that comes in or another one; "" is
   *   the default one
   */
  constructor(options) {
    this.options = options;
  }

  /** @param {Call} call that is placed or rings here */
  follow(call) {
    const { ringback: given, ringtone = true } = this.options;
    if (call.direction === "incoming") {
      if (ringtone && call.state === "pending") this.#want(call, RING);
    } else {
      const ringback = typeof given === "function" ? given(call.to) : given;
      const tone = RINGBACK[ringback === true ? "eu" : String(ringback)];
      if (tone) call.watch("ringing", (hasEarlyMedia) => this.#want(call, hasEarlyMedia ? null : tone));
    }
    call.watch("state", (state) => state !== "ringing" && this.#want(call, null));
    call.watch("disconnect", () => this.#want(call, null));
  }

  /**
   * @param {Call} call
   * @param {Tone | null} tone no longer, if null
   */
  #want(call, tone) {
    if (tone) this.#wanted.set(call, tone);
    else this.#wanted.delete(call);
    const [first] = this.#wanted;
    if (first?.[0] === this.#heard) return;
    this.#stop?.();
    this.#stop = null;
    this.#heard = first?.[0];
    try {
      if (first) this.#stop = this.#play(first[1]);
    } catch {
      release(); // without WebAudio there is no tone
    }
  }

  /**
   * @param {Tone} tone
   * @returns {() => void} ends it
   */
  #play(tone) {
    const { tones, cadence } = tone;
    const context = acquire();
    const gain = context.createGain();
    const output = context.createMediaStreamDestination();
    gain.connect(output);
    schedule(gain.gain, cadence, context.currentTime);
    const oscillators = tones.map((frequency) => {
      const oscillator = context.createOscillator();
      oscillator.frequency.value = frequency;
      oscillator.connect(gain);
      oscillator.start();
      return oscillator;
    });
    const element = sounding(output.stream, this.options.speaker(tone === RING));
    return () => {
      for (const oscillator of oscillators) oscillator.stop();
      element.pause();
      element.srcObject = null;
      element.remove();
      gain.disconnect();
      release();
    };
  }
}

/**
 * @param {AudioParam} gain
 * @param {readonly number[]} cadence
 * @param {number} start
 */
function schedule(gain, cadence, start) {
  gain.setValueAtTime(0, start);
  let at = start;
  for (let part = 0; at < start + LONGEST; part += 1) {
    const sounds = part % 2 === 0;
    gain.setTargetAtTime(sounds ? LEVEL : 0, at, EDGE / 3);
    at += cadence[part % cadence.length];
  }
  gain.setTargetAtTime(0, at, EDGE / 3);
}

/**
 * @param {MediaStream} stream
 * @param {string} speaker
 */
function sounding(stream, speaker) {
  const element = document.createElement("audio");
  element.hidden = true;
  element.dataset.voiceTone = "";
  element.srcObject = stream;
  document.body.append(element);
  // A page that nobody has clicked may make no sound, and an old browser chooses no speaker
  const chosen = speaker && "setSinkId" in element ? element.setSinkId(speaker) : Promise.resolve();
  chosen.catch(() => {}).then(() => element.play().catch(() => {}));
  return element;
}
