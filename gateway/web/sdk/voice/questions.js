// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * What a page asks of its session, not of a call that lives: one question after the other, since an
 * error of the gateway's does not say to which it belongs.
 */

import { CallError, errorFromFrame } from "./errors.js";

const TIMEOUT = 10_000;

/** Errors about a call that answer a question; others are for the call itself. */
const ANSWERS = new Set(["unknown-call", "bad-request", "bad-message", "not-supported"]);

/** @typedef {import("./frames.js").Frame} Frame */

/**
 * @typedef {object} Question on its way
 * @property {string} answer the type of the frame that answers it
 * @property {unknown} call the one that it concerns, if any; it may be over
 * @property {(frame: Frame) => void} resolve
 * @property {(error: CallError) => void} reject
 */

export class Questions {
  /** @type {Question | null} */
  #present = null;
  #turns = /** @type {Promise<unknown>} */ (Promise.resolve());

  /**
   * @param {object} options
   * @param {() => Promise<unknown>} options.ready resolves when something can be asked; rejects with a CallError
   * @param {(frame: Frame) => void} options.send
   */
  constructor(options) {
    this.options = options;
  }

  /**
   * @param {Frame} frame
   * @param {string} answer the type of the frame that says yes
   * @returns {Promise<Frame>}
   * @throws {CallError} the session lives on unless that is fatal
   */
  ask(frame, answer) {
    const asked = this.#turns.then(() => this.#ask(frame, answer));
    this.#turns = asked.catch(() => {});
    return asked;
  }

  /**
   * @param {Frame} frame that concerns no call
   * @returns {boolean} whether it was the answer
   */
  hear(frame) {
    if (frame.type !== this.#present?.answer) return false;
    this.#present.resolve(frame);
    return true;
  }

  /**
   * @param {Frame} frame that concerns a call
   * @returns {boolean} whether it was the answer to what was asked about that call
   */
  settle(frame) {
    if (!this.#present || this.#present.call !== frame.call) return false;
    const { answer, resolve, reject } = this.#present;
    if (frame.type === answer) resolve(frame);
    else if (frame.type === "error" && ANSWERS.has(String(frame.name))) reject(errorFromFrame(frame, false));
    else return false;
    return true;
  }

  /**
   * @param {CallError} error that concerns no call
   * @returns {boolean} whether there was a question that it could answer
   */
  refuse(error) {
    this.#present?.reject(error);
    return this.#present !== null;
  }

  /**
   * @param {Frame} frame
   * @param {string} answer
   * @returns {Promise<Frame>}
   */
  async #ask(frame, answer) {
    await this.options.ready();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    try {
      return await new Promise((resolve, reject) => {
        this.#present = { answer, call: frame.call, resolve, reject };
        timer = setTimeout(() => reject(new CallError("gateway-silent", { fatal: false })), TIMEOUT);
        this.options.send(frame);
      });
    } finally {
      clearTimeout(timer);
      this.#present = null;
    }
  }
}
