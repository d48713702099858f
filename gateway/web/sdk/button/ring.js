// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** The sound of a call that comes in. A page that nobody has clicked yet may not play any: it stays silent. */

/** A second and a half on, two and a half off, in two tones that also small speakers can play. */
const TONES = [480, 620];
const ON = 1.6;
const PERIOD = 4_000;
const LEVEL = 0.08;

/** @returns {() => void} stops it */
export function startRing() {
  if (navigator.userActivation && !navigator.userActivation.hasBeenActive) return () => {};
  const context = new AudioContext();
  const ring = () => {
    const gain = context.createGain();
    const now = context.currentTime;
    gain.gain.setValueAtTime(0, now);
    gain.gain.linearRampToValueAtTime(LEVEL, now + 0.05);
    gain.gain.setValueAtTime(LEVEL, now + ON - 0.05);
    gain.gain.linearRampToValueAtTime(0, now + ON);
    gain.connect(context.destination);
    for (const frequency of TONES) {
      const tone = new OscillatorNode(context, { frequency });
      tone.connect(gain);
      tone.start();
      tone.stop(now + ON);
    }
  };
  ring();
  const again = setInterval(ring, PERIOD);
  return () => {
    clearInterval(again);
    void context.close();
  };
}
