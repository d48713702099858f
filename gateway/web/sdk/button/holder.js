// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * Which element of the page has the call, so that the same one takes it up after the page was loaded
 * again; and that no second element of the page places a call meanwhile.
 */

const KEY = "click-to-call";

/** @type {HTMLElement | null} of this page, the one that has the call */
let holder = null;

/** @param {HTMLElement} element */
export const holderBeside = (element) => (holder !== element && holder?.isConnected ? holder : null);

/**
 * @param {HTMLElement} element
 * @param {string} name the same after the page was loaded again
 */
export function hold(element, name) {
  holder = element;
  try {
    sessionStorage.setItem(KEY, name);
  } catch {
    // The page may store nothing: the call is not taken up
  }
}

/** @param {HTMLElement} element */
export function letGo(element) {
  if (holder !== element) return;
  holder = null;
  forget();
}

/** @param {string} name of an element that may have had the call before the page was loaded again */
export function wasHeld(name) {
  try {
    return !holder && sessionStorage.getItem(KEY) === name;
  } catch {
    return false;
  }
}

export function forget() {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // Nothing was kept
  }
}
