// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** Whether the other end of a socket is still there: it is asked now and then, and where there is doubt. */

/** Below the 30 s after which the impatient proxies drop a silent connection. */
const INTERVAL = 25_000;
const PONG_TIMEOUT = 10_000;
/** Where there is reason to doubt that there is a network. */
const PROBE_TIMEOUT = 3_000;

export class Pulse {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** ms that a ping is given for its pong; Infinity: none waits. */
  #given = Infinity;
  /** @type {(() => void)[]} what waits with it */
  #waiting = [];

  /**
   * @param {object} options
   * @param {() => void} options.ping
   * @param {() => void} options.onSilent no pong has come
   */
  constructor(options) {
    this.options = options;
  }

  /** Pings after a while. */
  begin() {
    this.#given = Infinity;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ping(PONG_TIMEOUT), INTERVAL);
  }

  /** The pong has come. */
  hear() {
    this.begin();
    for (const act of this.#waiting.splice(0)) act();
  }

  /** Pings at once, and is less patient. */
  probe() {
    this.#ping(PROBE_TIMEOUT);
  }

  /** @param {() => void} act once nothing speaks against the socket; not at all if it is stopped before */
  whenSure(act) {
    if (this.#given < Infinity) this.#waiting.push(act);
    else act();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#given = Infinity;
    this.#waiting.length = 0;
  }

  /** @param {number} timeout ms */
  #ping(timeout) {
    if (timeout >= this.#given) return; // what is asked already is given no more time
    clearTimeout(this.#timer);
    this.#given = timeout;
    this.options.ping();
    this.#timer = setTimeout(this.options.onSilent, timeout);
  }
}
