// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * One WebSocket to the gateway, and why it is gone. A page may forbid it by its Content-Security-Policy: then
 * Chromium tells the document before the socket, which never closes, and Firefox throws.
 */

import { CallError } from "./errors.js";

export const SUBPROTOCOL = "gateway.v1";

/** From an `error` to the `close` that follows it: where none does, the socket has never been one. */
const CLOSING = 100;

/** What `new WebSocket` throws where it may not be: WebKit and old browsers, Firefox. */
const FORBIDDEN = new Set(["SecurityError", "NS_ERROR_CONTENT_BLOCKED"]);

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
  4000: "handed-over", // another socket has the session
});

/** The same, while it did not stand yet. */
const CAUSE_BY_EARLY_CODE = /** @type {Readonly<Record<number, string>>} */ ({
  1002: "version-mismatch",
  1008: "session-refused",
  1013: "no-capacity",
});

export class Socket {
  /** @type {WebSocket} */
  #socket;
  #watched = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {string} url
   * @param {object} options
   * @param {() => void} options.onOpen
   * @param {(data: unknown) => void} options.onMessage
   * @param {(error: CallError, code?: number) => void} options.onGone once, unless it was closed from here
   * @param {() => boolean} options.stood whether the session has stood on it
   */
  constructor(url, options) {
    this.url = url;
    this.options = options;
    const { signal } = this.#watched;
    document.addEventListener("securitypolicyviolation", (violation) => this.#violated(violation), { signal });
    this.#socket = this.#make();
    this.#socket.onopen = () => options.onOpen();
    this.#socket.onmessage = (event) => options.onMessage(event.data);
    this.#socket.onclose = (event) => this.#gone(this.#closeError(event), event.code);
    this.#socket.onerror = () => {
      this.#timer = setTimeout(() => this.#gone(new CallError("gateway-unreachable")), CLOSING);
    };
  }

  /** Whether the other side speaks as we do. */
  get understood() {
    return this.#socket.protocol === SUBPROTOCOL;
  }

  /**
   * @param {string} data
   * @returns {boolean} whether it is on its way
   */
  send(data) {
    const open = this.#socket.readyState === WebSocket.OPEN;
    if (open) this.#socket.send(data);
    return open;
  }

  /** Nothing is heard of it any more; what was sent before still leaves. */
  close() {
    this.#leave();
    this.#socket.onopen = this.#socket.onmessage = null;
    this.#socket.close(1000);
  }

  #make() {
    try {
      return new WebSocket(this.url, SUBPROTOCOL);
    } catch (error) {
      this.#leave();
      // Firefox's is no Error
      const { name } = /** @type {{ name?: string }} */ (error);
      if (FORBIDDEN.has(name ?? "")) throw this.#blocked(error);
      throw new CallError("invalid-argument", { reason: `no WebSocket address: ${this.url}`, original: error });
    }
  }

  /** @param {SecurityPolicyViolationEvent} violation */
  #violated({ blockedURI, effectiveDirective, disposition }) {
    if (effectiveDirective !== "connect-src" || disposition === "report") return;
    // Browsers tell the whole address, or its origin alone
    if (blockedURI && this.url.startsWith(blockedURI)) this.#gone(this.#blocked());
  }

  /** @param {unknown} [original] */
  #blocked(original) {
    const { protocol, host } = new URL(this.url, location.href);
    const reason = `The page's Content-Security-Policy forbids the connection: add ${protocol}//${host} to its connect-src.`;
    return new CallError("blocked-by-page", { reason, original });
  }

  /**
   * @param {CallError} error
   * @param {number} [code]
   */
  #gone(error, code) {
    this.#leave();
    this.options.onGone(error, code);
  }

  #leave() {
    clearTimeout(this.#timer);
    this.#watched.abort();
    if (this.#socket) this.#socket.onclose = this.#socket.onerror = null;
  }

  /** @param {CloseEvent} event */
  #closeError({ code, reason }) {
    const cause = this.options.stood()
      ? (CAUSE_BY_CLOSE_CODE[code] ?? "network")
      : (CAUSE_BY_EARLY_CODE[code] ?? "gateway-unreachable");
    return new CallError(cause, { reason });
  }
}
