// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * Every way in which a call can end or fail, once: the word for programs and a code; the sentence for the
 * person at the page stands in the texts, by the same word. Errors and ends are made from this one table,
 * and the README prints it.
 *
 * kind  normal    somebody hung up
 *       canceled  given up by the caller before the answer
 *       refused   the far end, the trunk or the gateway said no; the code is the SIP status
 *       failed    something broke; the code is 1000 and up where this client found it
 */

import { say } from "./words.js";

/** @typedef {"normal" | "canceled" | "refused" | "failed"} Kind */
/** @typedef {{ readonly kind: Kind, readonly code: number }} Ending */

/**
 * @typedef {object} CallEnd
 * @property {"local" | "remote" | "gateway"} by who ended the call, seen from this page
 * @property {string} cause a word of `ENDINGS`, or a newer one of the gateway's
 * @property {number | null} sipCode final SIP status, where there was one
 * @property {string} reason for the operator: SIP reason phrase, or what the gateway says; may be empty
 * @property {string} message what has happened, for the person at the page, in the page's language
 * @property {string} advice what that person can do about it; may be empty
 * @property {number} durationMs from the answer to the end; 0 for a call never answered
 */

/**
 * @param {Kind} kind
 * @param {number} code
 * @returns {Ending}
 */
const ending = (kind, code) => Object.freeze({ kind, code });

/** @type {Readonly<Record<string, Ending>>} */
export const ENDINGS = Object.freeze({
  "hangup": ending("normal", 200),
  "max-duration": ending("normal", 200),
  "page-closed": ending("normal", 200),
  "canceled": ending("canceled", 487),
  "answered-elsewhere": ending("refused", 487),

  "transferred": ending("normal", 200),
  "handed-over": ending("normal", 200),

  "busy": ending("refused", 486),
  "rejected": ending("refused", 603),
  "no-answer": ending("refused", 408),
  "unavailable": ending("refused", 480),
  "not-found": ending("refused", 404),
  "incomplete-number": ending("refused", 484),
  "redirected": ending("refused", 300),
  "loop": ending("refused", 482),
  "forbidden": ending("refused", 403),
  "unauthorized": ending("refused", 401),
  "payment-required": ending("refused", 402),
  "incompatible-media": ending("refused", 488),
  "congestion": ending("refused", 503),
  "network-failure": ending("refused", 503),
  "unreachable": ending("refused", 503),
  "trunk-unavailable": ending("refused", 503),
  "trunk-error": ending("refused", 500),

  "bad-target": ending("refused", 484),
  "bad-offer": ending("refused", 488),
  "bad-request": ending("refused", 400),
  "bad-message": ending("refused", 400),
  "not-supported": ending("refused", 501),
  "bad-token": ending("refused", 401),
  "not-allowed": ending("refused", 403),
  "limit-reached": ending("refused", 480),
  "hold-refused": ending("refused", 488),
  "resume-refused": ending("refused", 488),
  "restart-failed": ending("refused", 503),
  "transfer-failed": ending("refused", 480),
  "unknown-call": ending("refused", 481),
  "no-capacity": ending("refused", 503),
  "service-unavailable": ending("refused", 503),
  "stopped": ending("refused", 503),
  "draining": ending("refused", 503),

  "shutdown": ending("failed", 503),
  "gateway-closed": ending("failed", 503),
  "connection-lost": ending("failed", 481),
  "media-timeout": ending("failed", 408),
  "page-lost": ending("failed", 408),
  "internal": ending("failed", 500),

  "insecure-origin": ending("failed", 1001),
  "unsupported": ending("failed", 1002),
  "microphone-refused": ending("failed", 1011),
  "microphone-not-found": ending("failed", 1012),
  "microphone-busy": ending("failed", 1013),
  "microphone-failed": ending("failed", 1014),
  "speaker-failed": ending("failed", 1015),
  "gateway-unreachable": ending("failed", 1021),
  "gateway-silent": ending("failed", 1022),
  "version-mismatch": ending("failed", 1023),
  "network": ending("failed", 1024),
  "protocol": ending("failed", 1025),
  "session-refused": ending("failed", 1026),
  "media-failed": ending("failed", 1031),
  "no-media-path": ending("failed", 1033),
  "media-lost": ending("failed", 1032),
  "blocked-by-page": ending("failed", 1027),
  "client-fault": ending("failed", 1043),
  "busy-here": ending("refused", 1051),
  "invalid-argument": ending("failed", 1041),
  "invalid-state": ending("failed", 1042),
});

/** SIP statuses that mean the same to a person, for an end whose cause this version does not know. */
const CAUSE_BY_SIP_CODE = /** @type {Readonly<Record<number, string>>} */ ({
  401: "unauthorized", 403: "forbidden", 407: "unauthorized",
  404: "not-found", 410: "not-found", 484: "incomplete-number", 604: "not-found",
  408: "no-answer", 480: "unavailable",
  486: "busy", 600: "busy",
  487: "canceled",
  488: "incompatible-media", 606: "incompatible-media",
  500: "trunk-error", 502: "trunk-error", 503: "trunk-unavailable", 504: "trunk-unavailable",
  603: "rejected", 607: "rejected",
});

/** How a page may refuse a call. */
const CAUSE_BY_REJECTION = /** @type {Readonly<Record<number, string>>} */ ({
  480: "unavailable", 486: "busy", 603: "rejected",
});

/** Ends of a call that was not answered here, which nobody at this page refused. */
const MISSED = new Set(["answered-elsewhere", "canceled", "hangup", "no-answer", "unavailable"]);

/** Ends that are told in other words than by their cause, as it matters who did what. */
const SENTENCES = /** @type {Readonly<Record<string, string>>} */ ({
  "hung-up": "state.hung-up",
  "hung-up-remote": "state.hung-up-remote",
  "declined": "state.declined",
  "given-up": "state.given-up",
});

/** A call, or a request about one, that failed. `name` is a word of `ENDINGS`. */
export class CallError extends Error {
  /**
   * The `cause` of the call's end.
   *
   * @type {string}
   */
  cause;
  /** The sentence for a name that is newer than this client. */
  #likewise;

  /**
   * @param {string} name
   * @param {object} [details]
   * @param {string} [details.reason] the gateway's words, or what exactly is wrong: for whoever runs the page
   * @param {number} [details.code]
   * @param {number | null} [details.sipCode]
   * @param {boolean} [details.fatal] whether the call (or the session) is over by it
   * @param {unknown} [details.original] the exception underneath
   */
  constructor(name, { reason = "", code, sipCode = null, fatal = true, original } = {}) {
    super(); // without an own `message`: the language may come later than the error
    this.name = name;
    this.code = code ?? ENDINGS[name]?.code ?? 0;
    this.sipCode = sipCode;
    this.fatal = fatal;
    this.cause = name;
    this.reason = reason;
    this.original = original;
    this.#likewise = CAUSE_BY_SIP_CODE[sipCode ?? 0] ?? "internal";
  }

  /** What has happened, for the person at the page, in the page's language. */
  get message() {
    return sentence(spokenAs(this.name, this.sipCode), this.#likewise);
  }

  /** What that person can do about it; may be empty. */
  get advice() {
    return say(`advice.${spokenAs(this.name, this.sipCode)}`);
  }
}

/**
 * The word by which the texts speak of a cause: the gateway's own `busy` is no busy line.
 *
 * @param {string} cause
 * @param {number | null} sipCode
 */
export const spokenAs = (cause, sipCode) => (cause === "busy" && sipCode === 503 ? "no-capacity" : cause);

/**
 * @param {string} cause
 * @param {string} likewise a known cause that means about the same
 */
const sentence = (cause, likewise) => say(`error.${cause}`) || say(`error.${likewise}`);

/**
 * @param {unknown} error whatever was thrown
 * @returns {CallError} itself if it is one
 */
export function asCallError(error) {
  if (error instanceof CallError) return error;
  const reason = error instanceof Error || error instanceof DOMException ? `${error.name}: ${error.message}` : String(error);
  return new CallError("client-fault", { reason, fatal: false, original: error });
}

/**
 * The gateway's `error` frame: its code is a SIP status, its message is for the page's author.
 *
 * @param {{ [key: string]: unknown }} frame
 * @param {boolean} fatal what an absent `fatal` means
 */
export function errorFromFrame(frame, fatal) {
  const code = typeof frame.code === "number" ? frame.code : 500;
  return new CallError(typeof frame.name === "string" ? frame.name : "internal", {
    reason: typeof frame.message === "string" ? frame.message : "",
    code,
    sipCode: code,
    fatal: typeof frame.fatal === "boolean" ? frame.fatal : fatal,
  });
}

/**
 * @param {Omit<CallEnd, "message" | "advice">} end
 * @param {{ likewise?: string, told?: keyof typeof SENTENCES }} [how] it is told
 * @returns {CallEnd} with the sentences that belong to it, in the language that the page has by then
 */
export function callEnd(end, { likewise = "hangup", told } = {}) {
  const word = spokenAs(end.cause, end.sipCode);
  return Object.freeze({
    ...end,
    get message() {
      return told ? say(SENTENCES[told]) : sentence(word, likewise);
    },
    get advice() {
      return told ? "" : say(`advice.${word}`);
    },
  });
}

/**
 * @param {CallError} error
 * @param {CallEnd["by"]} by
 * @returns {CallEnd}
 */
export function endFromError({ name, sipCode, reason }, by) {
  return callEnd({ by, cause: name, sipCode, reason, durationMs: 0 }, { likewise: CAUSE_BY_SIP_CODE[sipCode ?? 0] });
}

/**
 * The gateway's `ended` frame. An unknown cause is kept; its sentence comes from the SIP status.
 *
 * @param {{ [key: string]: unknown }} frame
 * @param {boolean} calling whether it is of an incoming call that was not answered here
 * @returns {CallEnd}
 */
export function endFromFrame(frame, calling) {
  const sipCode = typeof frame.sipCode === "number" ? frame.sipCode : null;
  const likewise = CAUSE_BY_SIP_CODE[sipCode ?? 0] ?? "hangup";
  const cause = typeof frame.cause === "string" ? frame.cause : likewise;
  const by = frame.by === "local" || frame.by === "gateway" ? frame.by : "remote";
  const reason = text(frame.reason) || text(frame.message);
  const durationMs = typeof frame.durationMs === "number" ? frame.durationMs : 0;
  const ended = by === "remote" && cause === "hangup" ? "hung-up-remote" : undefined;
  const told = calling && cause === "canceled" ? "given-up" : ended;
  return callEnd({ by, cause, sipCode, reason, durationMs }, { likewise, told });
}

/** @param {unknown} value */
const text = (value) => (typeof value === "string" ? value : "");

/**
 * @param {string} cause
 * @returns {CallEnd} of a call that this page ends
 */
export function endFromHere(cause) {
  const told = cause === "hangup" ? "hung-up" : undefined;
  return callEnd({ by: "local", cause, sipCode: null, reason: "", durationMs: 0 }, { told });
}

/**
 * @param {number | undefined} code the gateway has one of its own for none
 * @returns {CallEnd}
 * @throws {CallError} `invalid-argument`
 */
export function endOfRejection(code) {
  if (code !== undefined && !(code in CAUSE_BY_REJECTION)) {
    throw new CallError("invalid-argument", { reason: `a call is rejected by 480, 486 or 603, not ${code}`, fatal: false });
  }
  const cause = CAUSE_BY_REJECTION[code ?? 603];
  return callEnd({ by: "local", cause, sipCode: code ?? null, reason: "", durationMs: 0 }, { told: "declined" });
}

/**
 * The end as it is told: with the time from the answer, and if there was no audio connection, with what the
 * TURN servers said.
 *
 * @param {CallEnd} end
 * @param {{ refusals: string, durationMs?: number }} known
 * @returns {CallEnd}
 */
export function complete(end, { refusals, durationMs }) {
  const explained = end.cause === "media-failed" && refusals ? `${end.reason} (${refusals})`.trim() : end.reason;
  const changes = { reason: explained, durationMs: durationMs ?? end.durationMs };
  const properties = { ...Object.getOwnPropertyDescriptors(end), ...Object.getOwnPropertyDescriptors(changes) };
  return /** @type {CallEnd} */ (Object.freeze(Object.defineProperties({}, properties)));
}

/**
 * What somebody is told who still waits for something of a call that is over.
 *
 * @param {CallEnd} end
 */
export const errorOfEnd = ({ cause, reason, sipCode }) => new CallError(cause, { reason, sipCode });

/**
 * The gateway's `transferFailed` frame.
 *
 * @param {{ [key: string]: unknown }} frame
 */
export function transferError({ sipCode, reason }) {
  const details = { reason: text(reason), sipCode: typeof sipCode === "number" ? sipCode : null, fatal: false };
  return new CallError("transfer-failed", details);
}

/**
 * @param {CallEnd} end
 * @param {boolean} calling whether it is of an incoming call that was not answered here
 * @returns {Kind}
 */
export function kindOf({ cause, by, sipCode }, calling) {
  if (calling && by !== "local" && (by === "remote" || MISSED.has(cause))) return "canceled";
  return ENDINGS[cause]?.kind ?? ((sipCode ?? 200) >= 300 ? "refused" : "normal");
}
