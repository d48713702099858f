// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * Being reachable: under which identity calls come to this page, and that it stays so. A session ends
 * with the network, with the gateway, or with the computer's sleep, and nobody at the page notices that
 * no calls come any more. So what has succeeded once is made again, with pauses that grow.
 */

import { CallError } from "./errors.js";

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

const DROPPED = "The gateway lets no more calls come to this page.";

/** Errors that another try would meet as well. */
const FINAL = new Set([
  "bad-token", "not-allowed", "not-supported", "bad-request", "bad-message", "version-mismatch", "invalid-argument",
]);

/** @typedef {import("./signaling.js").Signaling} Signaling */

export class Registration {
  /** @type {{ identity: string | undefined } | null} what the page wants; null: no calls */
  #wanted = null;
  /** @type {string | null} */
  #identity = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} until the next try */
  #timer;
  #pause = FIRST_PAUSE;
  /** How many requests for it are under way. */
  #asking = 0;
  /** How often the page wanted none any more: what was asked for before counts no longer. */
  #withdrawn = 0;

  /**
   * @param {object} options
   * @param {(check: () => void) => Promise<Signaling>} options.session the present one or a new one, with a token
   *   that counts; `check` throws where it is wanted no longer
   * @param {() => void} options.onRegistering
   * @param {(identity: string) => void} options.onRegistered
   * @param {(error: CallError | null) => void} options.onUnregistered null: the page wanted it;
   *   an error that is not fatal is followed by another try
   */
  constructor(options) {
    this.options = options;
  }

  /** Under which calls come in at this moment, or null. */
  get identity() {
    return this.#identity;
  }

  /** Whether it is asked for at this moment. */
  get asking() {
    return this.#asking > 0;
  }

  /** Whether the page wants calls, though they may not come at this moment. */
  get wanted() {
    return this.#wanted !== null;
  }

  /**
   * @param {string | undefined} identity
   * @returns {Promise<string>} the identity, as the gateway knows it
   * @throws {CallError} what was before counts on; `canceled` by an `unregister` or the device's end meanwhile
   */
  async register(identity) {
    const registered = await this.#ask(identity);
    this.#wanted = { identity };
    this.#succeed(registered);
    return registered;
  }

  /**
   * @param {Signaling | null} signaling the present session
   * @throws {CallError} the gateway does not take it
   */
  async unregister(signaling) {
    const registered = this.#identity !== null || this.#asking > 0;
    this.#end(null);
    if (!registered || !signaling || signaling.closed) return;
    try {
      await signaling.ask({ type: "unregister" }, "unregistered");
    } catch (error) {
      // Nothing comes any more in any case: the session is over, or the gateway knows of no registration.
      if (!signaling.closed && /** @type {CallError} */ (error).name !== "bad-request") throw error;
    }
  }

  /** The gateway has ended it: the token has, or another identity takes its place just now. */
  dropped() {
    if (!this.#asking) this.lost(new CallError("session-refused", { reason: DROPPED }));
  }

  /** @param {CallError} error why no calls come any more, though the page wants them */
  lost(error) {
    if (this.#identity === null) return; // a try is under way, or its turn comes
    this.#identity = null;
    this.#again();
    this.options.onUnregistered(copy(error, false));
  }

  /** Tries at once instead of after the pause: the network has come back, or somebody looks at the page. */
  wake() {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    void this.#retry();
  }

  close() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#withdrawn += 1;
    this.#wanted = null;
    this.#identity = null;
  }

  /**
   * @param {string | undefined} identity
   * @returns {Promise<string>}
   */
  async #ask(identity) {
    this.#asking += 1;
    this.options.onRegistering();
    const withdrawn = this.#withdrawn;
    const check = () => {
      if (withdrawn !== this.#withdrawn) throw new CallError("canceled", { fatal: false });
    };
    try {
      const signaling = await this.options.session(check);
      check();
      const frame = await signaling.ask({ type: "register", identity }, "registered");
      check();
      return typeof frame.identity === "string" ? frame.identity : (identity ?? "");
    } finally {
      this.#asking -= 1;
    }
  }

  /** @param {string} identity */
  #succeed(identity) {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pause = FIRST_PAUSE;
    this.#identity = identity;
    this.options.onRegistered(identity);
  }

  /** @param {CallError | null} error */
  #end(error) {
    const wanted = this.wanted;
    this.close();
    if (wanted) this.options.onUnregistered(error);
  }

  #again() {
    clearTimeout(this.#timer);
    // Pages that a gateway loses together must not come back together.
    const pause = this.#pause * (0.5 + Math.random() / 2);
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
    this.#timer = setTimeout(() => void this.#retry(), pause);
  }

  async #retry() {
    this.#timer = undefined;
    const wanted = this.#wanted;
    if (!wanted) return;
    try {
      const identity = await this.#ask(wanted.identity);
      if (this.#wanted === wanted) this.#succeed(identity);
    } catch (error) {
      if (this.#wanted !== wanted) return;
      const reason = /** @type {CallError} */ (error);
      // What the page asks for meanwhile may succeed
      if (FINAL.has(reason.name) && !this.#asking) this.#end(copy(reason, true));
      else this.#again();
    }
  }
}

/**
 * @param {CallError} error
 * @param {boolean} fatal
 */
function copy({ name, reason, code, sipCode, original }, fatal) {
  return new CallError(name, { reason, code, sipCode, fatal, original });
}
