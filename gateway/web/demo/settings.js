// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** Choice of microphone and speaker, and of the browser's sound processing. */

import { find } from "./elements.js";

const microphone = find("microphone", HTMLSelectElement);
const speaker = find("speaker", HTMLSelectElement);
const fold = find("settings", HTMLDetailsElement);
const processing = find("processing", HTMLInputElement);

/** A call that outlives a reload of the page sounds as it did. */
const PROCESSING = "demo processing";

/** @returns {MediaTrackConstraints} */
export function audioConstraints() {
  const on = processing.checked;
  return {
    echoCancellation: on,
    noiseSuppression: on,
    autoGainControl: on,
    ...(microphone.value && { deviceId: { exact: microphone.value } }),
  };
}

export function openSettings() {
  fold.open = true;
}

/** @type {((count: number) => void) | undefined} */
let onMicrophones;

export const chosenSpeaker = () => speaker.value;

/** Names are given out only after the microphone was allowed, so this runs again with each call. */
export async function listDevices() {
  if (!navigator.mediaDevices) return;
  const devices = await navigator.mediaDevices.enumerateDevices();
  const microphones = devices.filter(({ kind }) => kind === "audioinput");
  fill(microphone, microphones);
  fill(speaker, devices.filter(({ kind }) => kind === "audiooutput"));
  onMicrophones?.(microphones.length);
  // Firefox and Safari list no outputs, or cannot switch between them.
  speaker.disabled = !("setSinkId" in HTMLMediaElement.prototype);
}

/**
 * @param {HTMLSelectElement} select
 * @param {MediaDeviceInfo[]} devices
 */
function fill(select, devices) {
  const chosen = select.value;
  const named = devices.filter(({ deviceId, label }) => deviceId && deviceId !== "default" && label);
  const options = named.map(({ deviceId, label }) => new Option(label, deviceId));
  select.replaceChildren(select.options[0], ...options);
  select.value = named.some(({ deviceId }) => deviceId === chosen) ? chosen : "";
}

function keptProcessing() {
  try {
    return sessionStorage.getItem(PROCESSING);
  } catch {
    return null; // the browser forbids storage
  }
}

function keepProcessing() {
  try {
    sessionStorage.setItem(PROCESSING, processing.checked ? "on" : "off");
  } catch {
    // It holds as long as the page does
  }
}

/**
 * @param {object} handlers
 * @param {(id: string) => void} handlers.onMicrophone
 * @param {(id: string) => void} handlers.onSpeaker
 * @param {(count: number) => void} handlers.onMicrophones how many there are: now, and when that changes
 */
export function watchSettings({ onMicrophone, onSpeaker, onMicrophones: tell }) {
  onMicrophones = tell;
  processing.checked = keptProcessing() !== "off";
  processing.addEventListener("change", keepProcessing);
  microphone.addEventListener("change", () => onMicrophone(microphone.value));
  speaker.addEventListener("change", () => onSpeaker(speaker.value));
  navigator.mediaDevices?.addEventListener("devicechange", () => void listDevices());
}
