// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * What a page leaves behind for itself when it is loaded again: the token of its session. It is kept for
 * this tab only, from the moment at which the page goes until the next one has taken it, so that a tab
 * that is duplicated does not take the calls of the first one.
 */

/** @typedef {import("./signaling.js").Resumption & { muted: string[] }} Left `muted`: ids of calls */

/** What a device of this page is about to take up: no other one may. @type {Set<string>} */
const taken = new Set();

export class Reload {
  #key;

  /** @param {string} url of the gateway */
  constructor(url) {
    this.#key = `voice-client ${url}`;
  }

  /**
   * @param {Left} left
   * @param {number} window ms for which it is of use
   */
  leave(left, window) {
    try {
      sessionStorage.setItem(this.#key, JSON.stringify({ ...left, until: Date.now() + window }));
    } catch {
      // The page may not store anything: its calls end when nobody comes back.
    }
  }

  /** @returns {Left | null} what was left, to be forgotten or released by whoever reads it */
  read() {
    if (taken.has(this.#key)) return null;
    try {
      const { token, received, muted, until } = JSON.parse(sessionStorage.getItem(this.#key) ?? "{}");
      if (typeof token !== "string" || !(Date.now() < until)) return null;
      taken.add(this.#key);
      return { token, received: Number(received), muted: Array.isArray(muted) ? muted : [] };
    } catch {
      return null;
    }
  }

  /** It could not be taken up, and is left to whoever tries next. */
  release() {
    taken.delete(this.#key);
  }

  /** It has been taken up. */
  forget() {
    this.release();
    try {
      sessionStorage.removeItem(this.#key);
    } catch {
      // Nothing was left
    }
  }
}
