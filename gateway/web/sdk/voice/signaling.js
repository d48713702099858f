// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * One WebSocket session with the gateway (subprotocol gateway.v1): hello and welcome, pings, and
 * frames handed to the calls that they name. It knows no media and no call state.
 */

import { CallError, errorFromFrame } from "./errors.js";

export const SUBPROTOCOL = "gateway.v1";

const WELCOME_TIMEOUT = 10_000;
/** Below the 30 s after which the impatient proxies drop a silent connection. */
const PING_INTERVAL = 25_000;
const PONG_TIMEOUT = 10_000;

/** @typedef {{ type: string, [key: string]: unknown }} Frame */
/** @typedef {{ session: string, iceServers: RTCIceServer[] }} Welcome */

/**
 * @typedef {object} Receiver a call, seen from here
 * @property {(frame: Frame) => void} receive
 * @property {(error: CallError) => void} lost the session is over
 */

/** What a close code (RFC 6455 section 7.4, and IANA's registry) says once the session stood. */
const CAUSE_BY_CLOSE_CODE = /** @type {Readonly<Record<number, string>>} */ ({
  1001: "shutdown",
  1002: "protocol",
  1003: "protocol",
  1007: "protocol",
  1008: "session-refused",
  1009: "protocol",
  1012: "shutdown",
  1013: "no-capacity",
});

export class Signaling {
  /** @type {Map<string, Receiver>} */
  #calls = new Map();
  /** @type {WebSocket} */
  #socket;
  /** @type {(welcome: Welcome) => void} */
  #resolve = () => {};
  /** @type {(error: CallError) => void} */
  #reject = () => {};
  #welcomed = false;
  #closed = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {object} options
   * @param {string} options.url
   * @param {() => string | undefined | Promise<string | undefined>} options.token
   * @param {(error: CallError) => void} options.onError a frame that concerns no call
   * @param {(error: CallError) => void} options.onClosed once, when the session is over
   */
  constructor({ url, token, onError, onClosed }) {
    this.onError = onError;
    this.onClosed = onClosed;
    try {
      this.#socket = new WebSocket(url, SUBPROTOCOL);
    } catch (error) {
      throw new CallError("invalid-argument", { message: `no WebSocket address: ${url}`, original: error });
    }
    this.#timer = setTimeout(() => this.#lose(new CallError("gateway-silent")), WELCOME_TIMEOUT);
    this.#socket.onopen = () => this.#greet(token);
    this.#socket.onmessage = (event) => this.#receive(event.data);
    this.#socket.onclose = (event) => this.#lose(this.#closeError(event));
    /** @type {Promise<Welcome>} rejects with a CallError */
    this.welcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Nobody may be waiting when the microphone was refused first.
    this.welcome.catch(() => {});
  }

  get closed() {
    return this.#closed;
  }

  /**
   * @param {string} id
   * @param {Receiver} receiver
   */
  attach(id, receiver) {
    this.#calls.set(id, receiver);
  }

  /** @param {string} id */
  detach(id) {
    this.#calls.delete(id);
  }

  /** @param {Frame} frame */
  send(frame) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  /** Ends the session; what was sent before still leaves. */
  close() {
    this.#lose(new CallError("network", { message: "The session was closed by this page." }));
  }

  /** @param {() => string | undefined | Promise<string | undefined>} token */
  async #greet(token) {
    if (this.#socket.protocol !== SUBPROTOCOL) {
      this.#lose(new CallError("version-mismatch"));
      return;
    }
    try {
      this.send({ type: "hello", token: await token() });
    } catch (error) {
      const message = "The page could not get a call token.";
      this.#lose(new CallError("session-refused", { message, original: error }));
    }
  }

  /** @param {unknown} data */
  #receive(data) {
    const frame = parse(data);
    if (!frame) {
      this.onError(new CallError("protocol", { message: `not a frame: ${brief(data)}`, fatal: false }));
    } else if (!this.#welcomed) {
      this.#open(frame);
    } else if (frame.type === "pong") {
      this.#keepAlive();
    } else if (typeof frame.call === "string") {
      // Frames for a call that is over cross our hangup on the way: no fault of anybody's.
      this.#calls.get(frame.call)?.receive(frame);
    } else if (frame.type === "error") {
      const error = errorFromFrame(frame, false);
      this.onError(error);
      if (error.fatal) this.#lose(error);
    }
    // Types of later versions are no error.
  }

  /** @param {Frame} frame the first one */
  #open(frame) {
    if (frame.type === "welcome") {
      this.#welcomed = true;
      const iceServers = Array.isArray(frame.iceServers) ? frame.iceServers : [];
      this.#resolve({ session: String(frame.session ?? ""), iceServers });
      this.#keepAlive();
    } else if (frame.type === "error") {
      this.#lose(errorFromFrame(frame, true));
    } else {
      this.#lose(new CallError("protocol", { message: `${frame.type} came before welcome` }));
    }
  }

  /** Ping after a while, and take a gateway that does not answer for gone. */
  #keepAlive() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.send({ type: "ping" });
      this.#timer = setTimeout(() => this.#lose(new CallError("network")), PONG_TIMEOUT);
    }, PING_INTERVAL);
  }

  /** @param {CloseEvent} event */
  #closeError(event) {
    const message = event.reason || undefined;
    if (this.#welcomed) return new CallError(CAUSE_BY_CLOSE_CODE[event.code] ?? "network", { message });
    const cause = { 1002: "version-mismatch", 1008: "session-refused", 1013: "no-capacity" }[event.code];
    return new CallError(cause ?? "gateway-unreachable", { message });
  }

  /** @param {CallError} error */
  #lose(error) {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close(1000);
    this.#reject(error);
    for (const call of [...this.#calls.values()]) call.lost(error);
    this.#calls.clear();
    this.onClosed(error);
  }
}

/**
 * @param {unknown} data
 * @returns {Frame | null}
 */
function parse(data) {
  if (typeof data !== "string") return null;
  try {
    const frame = JSON.parse(data);
    return frame !== null && typeof frame === "object" && typeof frame.type === "string" ? frame : null;
  } catch {
    return null;
  }
}

/** @param {unknown} data */
const brief = (data) => (typeof data === "string" ? data.slice(0, 80) : "binary data");
