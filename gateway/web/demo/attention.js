// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * How the page calls for attention while a call rings: a sound, its title, and a notification of the
 * system for whoever looks at another window. Each may be impossible; the page itself shows the call.
 */

import { startRinging, stopRinging } from "./tones.js";

const title = document.title;

/** @type {Notification | null} */
let notification = null;

/** Asks for the right to notify, which browsers grant on a click only. Nobody waits for the answer. */
export function askToNotify() {
  if (!("Notification" in globalThis) || Notification.permission !== "default") return;
  // Safari before 16 has a callback instead of a promise.
  void Notification.requestPermission()?.catch(() => {});
}

/** @param {string} who is calling */
export function startAttention(who) {
  startRinging();
  document.title = `${who} is calling – ${title}`;
  if (document.hasFocus()) return;
  try {
    if (Notification.permission === "granted") notify(who);
  } catch {
    // Chrome on Android shows notifications of service workers only.
  }
}

export function stopAttention() {
  stopRinging();
  document.title = title;
  notification?.close();
  notification = null;
}

/** @param {string} who */
function notify(who) {
  notification = new Notification("Incoming call", { body: who, tag: "call", requireInteraction: true });
  notification.onclick = () => {
    window.focus();
    notification?.close();
  };
}
