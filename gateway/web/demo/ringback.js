// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * The tone a caller expects while the other phone rings. Only for a far end that sends none of its
 * own: with early media the network's tones are heard instead (RFC 3960 section 3.2).
 */

/** 425 Hz, one second in five, as ETSI TR 101 041 has it; quieter than a voice. */
const FREQUENCY = 425;
const PERIOD = 5;
const LOUDNESS = 0.06;
const RINGS = 60;

/** @type {AudioContext | null} */
let context = null;

export function startRingback() {
  if (context) return;
  context = new AudioContext();
  const tone = new OscillatorNode(context, { frequency: FREQUENCY });
  const volume = new GainNode(context, { gain: 0 });
  for (let ring = 0; ring < RINGS; ring += 1) {
    // Ramps: a hard edge would click.
    const at = context.currentTime + ring * PERIOD;
    volume.gain.setTargetAtTime(LOUDNESS, at, 0.015);
    volume.gain.setTargetAtTime(0, at + 1, 0.015);
  }
  tone.connect(volume).connect(context.destination);
  tone.start();
}

export function stopRingback() {
  void context?.close();
  context = null;
}
