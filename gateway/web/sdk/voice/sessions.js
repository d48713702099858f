// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * The session with the gateway that a device has, one at a time, with the token that opens it and the identity
 * that it registers. It is opened when something needs it, and closed when nothing has for a while.
 */

import { Access } from "./access.js";
import { Registration } from "./registration.js";
import { Signaling } from "./signaling.js";

/** A session without calls is closed: what `welcome` gave (TURN credentials) is short-lived. */
const IDLE_TIMEOUT = 30_000;
/** After a call somebody may still say how it was, and only its session knows it. */
const FEEDBACK_TIMEOUT = 180_000;

/** @typedef {import("./frames.js").Frame} Frame */

/**
 * @typedef {object} SessionsOptions
 * @property {string} url
 * @property {() => boolean} inUse whether a call needs the session
 * @property {import("./device-types.js").Emit} emit of the device
 * @property {(signaling: Signaling, frame: Frame) => void} onIncoming a call from the gateway
 * @property {(expires: Date) => void} onExpiring the token ends soon; once for each
 * @property {() => void} onClose
 */

export class Sessions {
  /** @type {Signaling | null} */
  #present = null;
  /** Of the token that was last said to end. */
  #expires = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #idle;
  /** Until when the session is kept for what somebody may say of a call; by performance.now(). */
  #feedbackUntil = 0;

  /** @type {Promise<any> | undefined} until it is known whether there is a session of the page before */
  restoring;

  /** @param {SessionsOptions & import("./access.js").AccessOptions} options */
  constructor(options) {
    this.options = options;
    this.access = new Access(options);
    this.registration = new Registration({
      session: async (check) => {
        await this.restoring; // the gateway may have that session no more
        check();
        const signaling = this.use();
        await this.access.welcome(signaling);
        return signaling;
      },
      onRegistering: () => options.emit("registering"),
      onRegistered: (identity) => options.emit("registered", identity),
      onUnregistered: (error) => options.emit("unregistered", error),
    });
  }

  /** @returns {Signaling | null} not a new one */
  get present() {
    return this.#present;
  }

  /** @returns {Signaling} the present session, or a new one */
  use() {
    clearTimeout(this.#idle);
    return this.#present ?? this.#open();
  }

  /**
   * Goes on with the session of an earlier page, in the place of one without calls.
   *
   * @param {import("./signaling.js").Resumption} resumption
   * @param {(signaling: Signaling, calls: Frame[]) => void} onRestored
   * @throws {CallError} the gateway has it no more
   */
  async restore(resumption, onRestored) {
    this.#present?.close();
    const signaling = this.#open({ resumption, onRestored: (calls) => onRestored(signaling, calls) });
    await signaling.welcome;
  }

  /** @param {{ resumption?: import("./signaling.js").Resumption, onRestored?: (calls: Frame[]) => void }} [earlier] */
  #open(earlier = {}) {
    const { access, registration } = this;
    const { url, emit, onIncoming } = this.options;
    /** @type {Signaling} */
    const signaling = new Signaling({
      ...earlier,
      url,
      greet: () => access.greet(),
      onExpiring: (expires) => this.#expiring(expires),
      onIncoming: (frame) => onIncoming(signaling, frame),
      onUnregistered: () => registration.dropped(),
      onError: (error) => emit("error", error, null),
      onClosed: (error) => {
        this.#present = null;
        registration.lost(error);
      },
      onReconnecting: (error) => {
        registration.lost(error); // no calls come until it is made again
        emit("reconnecting", error);
      },
      onReconnected: () => {
        registration.wake();
        emit("reconnected");
        this.rest();
      },
    });
    signaling.onDraining = (seconds) => emit("draining", seconds);
    this.#present = signaling.closed ? null : signaling; // the page may forbid it at once
    return signaling;
  }

  /** Closes the session after a while, unless something needs it. */
  rest() {
    clearTimeout(this.#idle);
    if (this.options.inUse() || this.registration.wanted) return;
    this.#idle = setTimeout(() => this.close(), Math.max(IDLE_TIMEOUT, this.#feedbackUntil - performance.now()));
  }

  /** A call is over. */
  expectFeedback() {
    this.#feedbackUntil = performance.now() + FEEDBACK_TIMEOUT;
    this.rest();
  }

  close() {
    clearTimeout(this.#idle);
    this.options.onClose();
    this.#present?.close();
  }

  /** @param {number} expires seconds since the epoch */
  #expiring(expires) {
    // The same token again is told of again, and would be renewed for ever.
    if (expires === this.#expires) return;
    this.#expires = expires;
    this.options.onExpiring(new Date(expires * 1000));
    if (!this.#present || !this.access.renews) return;
    void this.access.renewBefore(this.#present, expires, (error) => this.options.emit("error", error, null));
  }
}
