// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** Whether the caller has agreed to what is said before a call. It is kept in the browser, under the page's own key. */

export const CONSENT_KEY = "click-to-call-consent";

/** @param {string} key empty: ask each time */
export function hasConsent(key) {
  try {
    return key !== "" && localStorage.getItem(key) !== null;
  } catch {
    return false; // the page may store nothing
  }
}

/** @param {string} key */
export function keepConsent(key) {
  try {
    if (key) localStorage.setItem(key, new Date().toISOString());
  } catch {
    // It is asked for again next time
  }
}
