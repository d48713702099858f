// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * What of a call is interrupted, and what brings it back: the gateway's word, the audio, or both. It
 * sends no frames; it says when another audio connection is to be tried, and when that is of no use any
 * more.
 */

import { CallError } from "./errors.js";

/** ICE often finds its way again by itself, and a browser says "failed" only after 15 s. */
const PATIENCE = 3_000;
const FIRST_PAUSE = 250;
/** A browser learns its addresses up to 2 s after the network is back, and finds none to send from before. */
const LONGEST_PAUSE = 1_000;
/** From a restart to the gateway's answer. */
const ANSWER_TIMEOUT = 10_000;

export class Recovery {
  #heard = true;
  #audible = true;
  /** performance.now() since which it is interrupted */
  #since = 0;
  /** performance.now() when the gateway could be heard again */
  #backAt = -Infinity;
  #silent = false;
  #pause = FIRST_PAUSE;
  #restarting = false;
  /** @type {CallError} why there is no audio */
  #error = new CallError("media-lost");
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #answer;

  /**
   * @param {object} options
   * @param {() => number} options.window ms for which the gateway keeps the call; 0: it does not
   * @param {() => void} options.restart tries another audio connection
   * @param {(error: CallError) => void} options.onFailed nothing brings it back
   * @param {(error: CallError) => void} options.onLost
   * @param {() => void} options.onBack
   */
  constructor(options) {
    this.options = options;
  }

  /** Whether something is interrupted. */
  get active() {
    return !this.#heard || !this.#audible;
  }

  /** Whether an answer is to be expected. */
  get restarting() {
    return this.#restarting;
  }

  /**
   * Whether this is the first that speaks against the audio.
   *
   * @param {boolean} silent whether nothing has come of late, though something should
   */
  hear(silent) {
    const first = silent && !this.#silent && this.#audible && this.#timer === undefined;
    this.#silent = silent;
    // What has cost the socket has cost the audio as well
    if (first && performance.now() - this.#backAt < PATIENCE) this.failed(this.#error);
    return first;
  }

  /** @param {CallError} error why the gateway cannot be heard */
  interrupted(error) {
    this.#note(() => (this.#heard = false), error);
    if (!this.#audible) this.#stop(); // a doubt about the audio stands
  }

  /** It can be heard again. */
  back() {
    // In doubt the audio is not waited for any longer; a silence may have been over before, as the next sample tells
    if (this.#timer !== undefined) this.#audible = false;
    this.#silent = false;
    this.#backAt = performance.now();
    this.#note(() => (this.#heard = true));
    if (!this.#audible) this.#restart();
  }

  /** The audio has come up. */
  connected() {
    this.#stop();
    this.#pause = FIRST_PAUSE;
    this.#note(() => (this.#audible = true));
  }

  /** The audio is interrupted, and may come back by itself. */
  doubt() {
    if (!this.options.window() || this.#timer !== undefined || this.#restarting) return;
    this.#timer = setTimeout(() => this.failed(new CallError("media-lost")), PATIENCE);
  }

  /** @param {CallError} error there is no audio connection any more, or the new one has not come up */
  failed(error) {
    const again = !this.#audible;
    this.#stop();
    this.#error = error;
    if (!this.options.window()) {
      this.options.onFailed(error);
      return;
    }
    this.#note(() => (this.#audible = false), error);
    if (!this.#heard) return; // then it is tried once the gateway can be heard
    if (!again) {
      this.#restart();
      return;
    }
    if (performance.now() - this.#since > this.options.window()) {
      this.options.onFailed(error);
      return;
    }
    this.#timer = setTimeout(() => this.#restart(), this.#pause);
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
  }

  /** Begins with a call of an earlier page, whose audio is gone with it. */
  begin() {
    this.#audible = false;
    this.#since = performance.now();
    this.#restart();
  }

  /** The answer to the restart has come. */
  answered() {
    this.#restarting = false;
    clearTimeout(this.#answer);
  }

  close() {
    this.#stop();
  }

  #restart() {
    this.#stop();
    this.#restarting = true;
    this.#answer = setTimeout(() => this.failed(this.#error), ANSWER_TIMEOUT);
    this.options.restart();
  }

  #stop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#answer);
    this.#timer = undefined;
    this.#restarting = false;
  }

  /**
   * @param {() => void} change
   * @param {CallError} [error] of what is lost
   */
  #note(change, error = this.#error) {
    const before = this.active;
    change();
    if (before === this.active) return;
    if (this.active) this.#since = performance.now();
    if (this.active) this.options.onLost(error);
    else this.options.onBack();
  }
}
