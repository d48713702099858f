// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** The microphone, and in plain words why there is none. */

import { CallError } from "./errors.js";

/** What a phone call wants; each can be switched off by the page. */
const DEFAULTS = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** getUserMedia's exceptions (Media Capture and Streams, section 10.2). */
const CAUSES = /** @type {Readonly<Record<string, string>>} */ ({
  NotAllowedError: "microphone-refused",
  SecurityError: "microphone-refused",
  NotFoundError: "microphone-not-found",
  OverconstrainedError: "microphone-not-found",
  NotReadableError: "microphone-busy",
  AbortError: "microphone-busy",
});

/**
 * Why this page cannot call at all, or null. Outside secure contexts browsers hide
 * `navigator.mediaDevices` altogether, so the two cases have to be told apart here.
 */
export function checkSupport() {
  if (!globalThis.isSecureContext) return new CallError("insecure-origin");
  const able = navigator.mediaDevices && globalThis.RTCPeerConnection && globalThis.WebSocket;
  return able ? null : new CallError("unsupported");
}

/**
 * @param {MediaTrackConstraints} [constraints] over the defaults
 * @returns {Promise<MediaStream>}
 * @throws {CallError} `microphone-…`, `insecure-origin`, `unsupported`
 */
export async function openMicrophone(constraints) {
  const unsupported = checkSupport();
  if (unsupported) throw unsupported;
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { ...DEFAULTS, ...constraints } });
    if (!stream.getAudioTracks().length) throw new TypeError("the microphone has no audio track");
    return stream;
  } catch (error) {
    const name = error instanceof Error || error instanceof DOMException ? error.name : "";
    throw new CallError(CAUSES[name] ?? "microphone-failed", { reason: String(error), original: error });
  }
}

/** @param {MediaStream} stream */
export function closeMicrophone(stream) {
  for (const track of stream.getTracks()) {
    track.stop();
    track.onended = null; // Chromium keeps each stream of getUserMedia for ever, and all that listens to it
  }
}
