// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * Calls into the page. The client makes again what has succeeded once. The first try is made again here:
 * gateway or token server may be away just when the page is loaded, and nobody would press anything.
 */

/** @typedef {import("../voice-client.js").CallError} CallError */

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

/** Another try would meet them as well. */
const FINAL = new Set([
  "bad-token", "not-allowed", "not-supported", "bad-request", "bad-message", "version-mismatch", "invalid-argument",
  "unsupported", "insecure-origin", "blocked-by-page",
]);

export class Reachable {
  /** @type {string | null} that is wanted; "" is the token's own */
  #identity = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #pause = FIRST_PAUSE;
  #device;
  #onError;

  /**
   * @param {import("../voice-client.js").Device} device
   * @param {(error: CallError) => void} onError why nobody can call in
   */
  constructor(device, onError) {
    this.#device = device;
    this.#onError = onError;
    device.on("unregistered", (error) => error && onError(error));
    device.on("destroyed", () => clearTimeout(this.#timer));
  }

  /** @param {string | null} identity null: no calls */
  async want(identity) {
    if (identity === this.#identity) return;
    this.#identity = identity;
    this.#pause = FIRST_PAUSE;
    await this.#ask();
  }

  async #ask() {
    clearTimeout(this.#timer);
    const identity = this.#identity;
    try {
      if (identity === null) await this.#device.unregister();
      else await this.#device.register(identity || undefined);
    } catch (error) {
      if (this.#identity !== identity || this.#device.destroyed) return;
      this.#fail(/** @type {CallError} */ (error));
    }
  }

  /** @param {CallError} error */
  #fail(error) {
    if (this.#pause === FIRST_PAUSE) this.#onError(error); // once, not at each try
    if (FINAL.has(error.name)) this.#identity = null; // until the page says something else
    if (this.#identity === null) return;
    this.#timer = setTimeout(() => void this.#ask(), this.#pause * (0.5 + Math.random() / 2));
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
  }
}
