// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * What a page has said of its calls. A socket may be dead long before anybody notices, and swallows what is
 * said meanwhile; the gateway tells on the next one how much it has heard, and the rest is said again.
 */

/** @typedef {import("./frames.js").Frame} Frame */

/** What somebody wants done. The rest is made anew for another socket, or matters no more. */
const ASKING = new Set(["accept", "reject", "hold", "resume", "transfer", "dtmf", "hangup"]);

export class Spoken {
  /** How many frames of calls went before these. */
  #before = 0;
  /** @type {(Frame | false)[]} false where nobody counts on it any more */
  #frames = [];

  /** Whether the gateway may have to be told something still. */
  get open() {
    return this.#frames.some(Boolean);
  }

  /**
   * @param {Frame} frame of a call, that goes into a socket
   * @returns {boolean} whether somebody counts on it
   */
  note(frame) {
    const asks = ASKING.has(frame.type);
    this.#frames.push(asks && frame);
    return asks;
  }

  /** @param {string} call that is over */
  forget(call) {
    this.#frames = this.#frames.map((frame) => frame && frame.call !== call && frame);
  }

  /**
   * @param {unknown} heard how many frames of calls the gateway has had; older ones do not say
   * @returns {Frame[]} what it has not heard, and is to
   */
  unheard(heard) {
    const fresh = Number(heard) - this.#before;
    this.#before = Number(heard);
    return this.#frames.splice(0).flatMap((frame, place) => (frame && place >= fresh ? [frame] : []));
  }
}
