// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * What a page asks of its session, not of a call: one question after the other, since an error of the
 * gateway's does not say to which it belongs.
 */

import { CallError } from "./errors.js";

const TIMEOUT = 10_000;

/** @typedef {import("./frames.js").Frame} Frame */

/**
 * @typedef {object} Question on its way
 * @property {string} answer the type of the frame that answers it
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
        this.#present = { answer, resolve, reject };
        timer = setTimeout(() => reject(new CallError("gateway-silent", { fatal: false })), TIMEOUT);
        this.options.send(frame);
      });
    } finally {
      clearTimeout(timer);
      this.#present = null;
    }
  }
}
