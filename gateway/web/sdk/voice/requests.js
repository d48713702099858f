// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * What a page asks of a call that is up, and who holds it: hold, resume, transfer. Each is a frame and
 * a promise, which the gateway's answer settles; the end of the call settles what is left.
 */

import { CallError, errorOfEnd, transferError } from "./errors.js";

/** A re-INVITE may take Timer B's 32 s, and once more where both sides begin (RFC 3261 section 14.1). */
const HOLD_TIMEOUT = 70_000;

/** @typedef {import("./frames.js").Frame} Frame */
/** @typedef {"local" | "remote"} Side */
/** @typedef {{ sipCode: number | null, reason: string }} Stage of a transfer, as the new leg's phone tells it */
/** @typedef {Stage & { to: string }} Redirection to whom the other side hands this one over, and what is said there */
/** @typedef {"redirecting" | "redirected" | "redirectfailed"} RedirectEvent */
/** @typedef {"hold" | "transfer"} Subject of one request at a time */

/**
 * @typedef {object} Pending
 * @property {string} type
 * @property {Promise<any>} promise
 * @property {(value?: unknown) => void} resolve
 * @property {(error: CallError) => void} reject
 */

/** Which request an error's name belongs to. */
const SUBJECTS = /** @type {Readonly<Record<string, Subject>>} */ ({
  "hold-refused": "hold",
  "resume-refused": "hold",
  "transfer-failed": "transfer",
});

export class Requests {
  /** @type {Map<Subject, Pending>} */
  #pending = new Map();
  #held = { local: false, remote: false };

  /**
   * @param {object} options
   * @param {(frame: Frame) => void} options.send
   * @param {(by: Side) => void} options.onHeld
   * @param {(by: Side) => void} options.onResumed
   * @param {(stage: Stage) => void} options.onProgress of a transfer
   * @param {(event: RedirectEvent, frame: Frame, redirection: Redirection) => void} options.onRedirect
   */
  constructor(options) {
    this.options = options;
  }

  /** Who holds the call; both sides may at once. */
  get held() {
    return { ...this.#held };
  }

  /** Whether the call is on hold, by whomever. */
  get silent() {
    return this.#held.local || this.#held.remote;
  }

  /** @param {unknown} held who holds a call of an earlier page */
  restore(held) {
    const sides = Array.isArray(held) ? held : [];
    this.#held = { local: sides.includes("local"), remote: sides.includes("remote") };
  }

  /**
   * @param {boolean} hold
   * @returns {Promise<void>}
   */
  async hold(hold) {
    const type = hold ? "hold" : "resume";
    const earlier = this.#pending.get("hold");
    if (earlier?.type === type) return earlier.promise;
    if (earlier) throw refuse("The call is between hold and resume: wait until that is done.");
    if (this.#held.local !== hold) await this.#ask("hold", { type }, HOLD_TIMEOUT);
  }

  /**
   * @param {{ to: string } | { replaces: string } | { identity: string }} target
   * @returns {Promise<Stage>}
   */
  async transfer(target) {
    if (this.#pending.has("transfer")) throw refuse("A transfer is under way.");
    if ("replaces" in target) return this.#ask("transfer", { type: "transfer", ...target });
    for (const [kind, value] of Object.entries(target)) {
      const name = typeof value === "string" ? value.trim() : "";
      if (name && (kind === "to" || kind === "identity")) return this.#ask("transfer", { type: "transfer", [kind]: name });
    }
    const [given] = Object.values(target);
    const reason = `A call is transferred to a number, an identity or another call, not to ${typeof given}.`;
    throw new CallError("invalid-argument", { reason, fatal: false });
  }

  /** @type {Readonly<Record<string, (frame: Frame) => void>>} by type */
  handlers = {
    held: (frame) => this.#hold(frame, true),
    resumed: (frame) => this.#hold(frame, false),
    transferProgress: (frame) => this.options.onProgress(stageOf(frame)),
    transferred: (frame) => this.#pending.get("transfer")?.resolve(stageOf(frame)),
    transferFailed: (frame) => this.#pending.get("transfer")?.reject(transferError(frame)),
    redirecting: (frame) => this.options.onRedirect("redirecting", frame, redirectionOf(frame)),
    redirected: (frame) => this.options.onRedirect("redirected", frame, redirectionOf(frame)),
    redirectFailed: (frame) => this.options.onRedirect("redirectfailed", frame, redirectionOf(frame)),
  };

  /**
   * @param {CallError} error of the call, and not fatal
   * @returns {boolean} whether it was the answer to a request
   */
  refused(error) {
    // A number is refused by many names, a hold by its own alone
    const pending = this.#pending.get(SUBJECTS[error.name] ?? (this.#pending.has("transfer") ? "transfer" : "hold"));
    pending?.reject(error);
    return pending !== undefined;
  }

  /** @param {import("./errors.js").CallEnd} end */
  close(end) {
    for (const { reject } of this.#pending.values()) reject(errorOfEnd(end));
  }

  /**
   * @param {Frame} frame
   * @param {boolean} held
   */
  #hold({ by }, held) {
    const side = by === "remote" ? "remote" : "local";
    const told = this.#held[side] === held;
    this.#held[side] = held;
    if (!told) (held ? this.options.onHeld : this.options.onResumed)(side);
    const pending = this.#pending.get("hold");
    if (side === "local" && pending?.type === (held ? "hold" : "resume")) pending.resolve();
  }

  /**
   * @param {Subject} subject
   * @param {Frame} frame
   * @param {number} [timeout] ms
   * @returns {Promise<any>}
   */
  #ask(subject, frame, timeout) {
    /** @type {Omit<Pending, "promise">} */
    let settle = { type: frame.type, resolve: () => {}, reject: () => {} };
    const promise = new Promise((resolve, reject) => (settle = { type: frame.type, resolve, reject }));
    const timer =
      timeout && setTimeout(() => settle.reject(new CallError("gateway-silent", { fatal: false })), timeout);
    this.#pending.set(subject, { ...settle, promise });
    this.options.send(frame);
    return promise.finally(() => {
      clearTimeout(timer);
      this.#pending.delete(subject);
    });
  }
}

/** @param {string} reason */
const refuse = (reason) => new CallError("invalid-state", { reason, fatal: false });

/**
 * @param {Frame} frame
 * @returns {Stage}
 */
const stageOf = ({ sipCode, reason }) => ({
  sipCode: typeof sipCode === "number" ? sipCode : null,
  reason: typeof reason === "string" ? reason : "",
});

/**
 * @param {Frame} frame
 * @returns {Redirection}
 */
const redirectionOf = (frame) => ({ to: typeof frame.to === "string" ? frame.to : "", ...stageOf(frame) });
