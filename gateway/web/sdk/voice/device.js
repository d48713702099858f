// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** The page's telephone: it holds the session with the gateway and the calls on it. */

import { Call } from "./call.js";
import { Emitter } from "./emitter.js";
import { CallError } from "./errors.js";
import { checkSupport, closeMicrophone, openMicrophone } from "./microphone.js";
import { Signaling } from "./signaling.js";

/** A session without calls is closed: what `welcome` gave (TURN credentials) is short-lived. */
const IDLE_TIMEOUT = 30_000;

/**
 * @typedef {object} DeviceOptions
 * @property {string} [url] of the gateway's WebSocket; by default that of the gateway which served this file
 * @property {string | (() => string | Promise<string>)} [token] a call token, or where to get a fresh one
 * @property {MediaTrackConstraints} [audio] over echoCancellation, noiseSuppression and autoGainControl: true
 * @property {RTCIceServer[]} [iceServers] instead of those that the gateway names
 * @property {RTCIceTransportPolicy} [iceTransportPolicy] "relay" to use TURN alone
 */

/**
 * @typedef {object} ConnectOptions
 * @property {string} to number in E.164 form, or a SIP user that the gateway knows
 * @property {string} [from] caller's number, where the gateway grants it
 * @property {string} [displayName] caller's name
 * @property {Record<string, string>} [headers] SIP headers, `X-…` only
 * @property {MediaTrackConstraints} [audio] for this call, over those of the device
 * @property {HTMLAudioElement} [element] plays the call, instead of one that is made and removed
 * @property {AbortSignal} [signal] gives the call up before `connect` is done
 */

/**
 * @typedef {object} DeviceEvents
 * @property {[error: CallError, call: Call | null]} error of the session, or of any call
 * @property {[]} destroyed
 */

/** @extends {Emitter<DeviceEvents>} */
export class Device extends Emitter {
  /** @type {DeviceOptions} */
  #options;
  /** @type {Signaling | null} */
  #signaling = null;
  /** @type {Set<Call>} */
  #calls = new Set();
  /** How many `connect` are under way: they need the session as much as a call does. */
  #dialing = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #idle;
  #lifetime = new AbortController();

  /** @param {DeviceOptions} [options] */
  constructor(options = {}) {
    super();
    this.#options = options;
    this.url = options.url ?? gatewayUrl();
    // pagehide, not unload: a page with an unload listener is kept out of the back/forward cache.
    addEventListener("pagehide", () => this.#leave("page-closed"), { signal: this.#lifetime.signal });
  }

  /** Why calls are impossible here (insecure origin, old browser), or null. Asks nobody. */
  static checkSupport() {
    return checkSupport();
  }

  /** Calls that are alive, oldest first. */
  get calls() {
    return [...this.#calls];
  }

  get destroyed() {
    return this.#lifetime.signal.aborted;
  }

  /**
   * Places a call. Resolves when the offer is on its way to the gateway; what happens after that
   * comes as events of the call.
   *
   * @param {ConnectOptions} options
   * @returns {Promise<Call>}
   * @throws {CallError} whatever hinders the call before that: microphone, origin, session
   */
  async connect(options) {
    const { to } = options;
    if (this.destroyed) throw new CallError("invalid-state", { message: "The device was destroyed." });
    if (typeof to !== "string" || !to.trim()) {
      throw new CallError("invalid-argument", { message: `"to" is a number or a SIP user, not ${JSON.stringify(to)}` });
    }
    const unsupported = checkSupport();
    if (unsupported) throw unsupported;
    this.#dialing += 1;
    try {
      return await this.#dial({ ...options, to: to.trim() });
    } finally {
      this.#dialing -= 1;
      this.#rest();
    }
  }

  /**
   * Another name for `connect`.
   *
   * @param {string} to
   * @param {Omit<ConnectOptions, "to">} [options]
   */
  call(to, options) {
    return this.connect({ ...options, to });
  }

  disconnectAll() {
    for (const call of this.calls) call.disconnect();
  }

  /** Ends every call and the session, for good. */
  destroy() {
    if (this.destroyed) return;
    this.#lifetime.abort();
    this.#leave();
    this.emit("destroyed");
  }

  /** @param {ConnectOptions} options */
  async #dial(options) {
    const { iceServers, iceTransportPolicy } = this.#options;
    const audio = { ...this.#options.audio, ...options.audio };
    // Both at once: the session stands by the time the person has answered the prompt.
    const signaling = this.#session();
    const opening = openMicrophone(audio);
    /** @type {Call | null} */
    let call = null;
    try {
      const [microphone, welcome] = await this.#unlessGivenUp(
        Promise.all([opening, signaling.welcome]),
        options.signal,
      );
      const { to, element, from, displayName, headers } = options;
      call = new Call({
        signaling,
        microphone,
        configuration: { iceServers: iceServers ?? welcome.iceServers, iceTransportPolicy },
        audio,
        element,
        to,
        fields: { from, displayName, headers },
      });
    } finally {
      // Even when the person answers the prompt long after the call was given up.
      if (!call) opening.then(closeMicrophone, () => {});
    }
    this.#keep(call);
    await this.#unlessGivenUp(call.start(), options.signal).catch((error) => {
      call.disconnect();
      throw error;
    });
    // The session may have gone in the meantime, when nobody was listening yet.
    if (call.end) throw new CallError(call.end.cause, { message: call.end.message });
    return call;
  }

  /**
   * @template T
   * @param {Promise<T>} promise
   * @param {AbortSignal | undefined} signal of the page; the device's own end counts as well
   * @returns {Promise<T>} rejects with `canceled`
   */
  #unlessGivenUp(promise, signal) {
    return new Promise((resolve, reject) => {
      const done = new AbortController();
      for (const end of [signal, this.#lifetime.signal]) {
        const giveUp = () => reject(new CallError("canceled"));
        if (end?.aborted) giveUp();
        end?.addEventListener("abort", giveUp, { signal: done.signal });
      }
      promise.then(resolve, reject).finally(() => done.abort());
    });
  }

  /** @param {Call} call */
  #keep(call) {
    this.#calls.add(call);
    call.on("error", (error) => this.emit("error", error, call));
    call.on("disconnect", () => {
      this.#calls.delete(call);
      this.#rest();
    });
  }

  /** @returns {Signaling} the present session, or a new one */
  #session() {
    clearTimeout(this.#idle);
    const { token } = this.#options;
    this.#signaling ??= new Signaling({
      url: this.url,
      token: async () => (typeof token === "function" ? token() : token),
      onError: (error) => this.emit("error", error, null),
      onClosed: () => {
        this.#signaling = null;
      },
    });
    return this.#signaling;
  }

  #rest() {
    clearTimeout(this.#idle);
    if (this.#calls.size || this.#dialing) return;
    this.#idle = setTimeout(() => this.#signaling?.close(), IDLE_TIMEOUT);
  }

  /** @param {string} [cause] */
  #leave(cause) {
    for (const call of this.calls) call.disconnect(cause);
    clearTimeout(this.#idle);
    this.#signaling?.close();
  }
}

/** The gateway serves this module as sdk/voice/device.js and its WebSocket beside sdk/. */
function gatewayUrl() {
  const url = new URL("../../v1/ws", import.meta.url);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}
