// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * The tones that the page makes itself: ringback, which a caller expects while the other phone rings,
 * and the ringing of this one. Ringback is only for a far end that sends none of its own: with early
 * media the network's tones are heard instead (RFC 3960 section 3.2).
 */

/** So many times, some minutes: nothing rings for longer. */
const RINGS = 60;

/**
 * @typedef {object} Pattern
 * @property {number} period seconds
 * @property {number} loudness of 1
 * @property {{ at: number, seconds: number, frequency: number }[]} notes
 */

/** 425 Hz, one second in five, as ETSI TR 101 041 has it; quieter than a voice. */
const RINGBACK = { period: 5, loudness: 0.06, notes: [{ at: 0, seconds: 1, frequency: 425 }] };

/** Two notes, three times, one second in three: heard across a room, and taken for no ringback. */
const RINGING = {
  period: 3,
  loudness: 0.2,
  notes: [0, 0.34, 0.68].flatMap((at) => [
    { at, seconds: 0.14, frequency: 880 },
    { at: at + 0.16, seconds: 0.14, frequency: 1109 },
  ]),
};

/** @type {AudioContext | null} */
let ringback = null;
/** @type {AudioContext | null} */
let ringing = null;

export function startRingback() {
  ringback ??= play(RINGBACK);
}

export function stopRingback() {
  void ringback?.close();
  ringback = null;
}

export function startRinging() {
  ringing ??= play(RINGING);
}

export function stopRinging() {
  void ringing?.close();
  ringing = null;
}

/** @param {Pattern} pattern */
function play({ period, loudness, notes }) {
  const context = new AudioContext();
  const tone = new OscillatorNode(context);
  const volume = new GainNode(context, { gain: 0 });
  for (let ring = 0; ring < RINGS; ring += 1) {
    for (const { at, seconds, frequency } of notes) {
      const start = context.currentTime + ring * period + at;
      tone.frequency.setValueAtTime(frequency, start);
      // Ramps: a hard edge would click.
      volume.gain.setTargetAtTime(loudness, start, 0.015);
      volume.gain.setTargetAtTime(0, start + seconds, 0.015);
    }
  }
  tone.connect(volume).connect(context.destination);
  tone.start();
  return context;
}
