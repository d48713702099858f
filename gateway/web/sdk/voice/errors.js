// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * Every way in which a call can end or fail, once: the word for programs, a code, and a sentence
 * for the person at the page. Errors and ends are made from this one table, and the README prints it.
 *
 * kind  normal    somebody hung up
 *       canceled  given up by the caller before the answer
 *       refused   the far end, the trunk or the gateway said no; the code is the SIP status
 *       failed    something broke; the code is 1000 and up where this client found it
 */

/** @typedef {"normal" | "canceled" | "refused" | "failed"} Kind */
/** @typedef {{ kind: Kind, code: number, message: string }} Ending */

/**
 * @typedef {object} CallEnd
 * @property {"local" | "remote" | "gateway"} by who ended the call, seen from this page
 * @property {string} cause a word of `ENDINGS`, or a newer one of the gateway's
 * @property {number | null} sipCode final SIP status, where there was one
 * @property {string} reason SIP reason phrase, or what exactly was refused; may be empty
 * @property {string} message one sentence for a person
 * @property {number} durationMs from the answer to the end; 0 for a call never answered
 */

/**
 * @param {Kind} kind
 * @param {number} code
 * @param {string} message
 * @returns {Readonly<Ending>}
 */
const ending = (kind, code, message) => Object.freeze({ kind, code, message });

/** @type {Readonly<Record<string, Readonly<Ending>>>} */
export const ENDINGS = Object.freeze({
  "hangup": ending("normal", 200, "The call has ended."),
  "max-duration": ending("normal", 200, "The call reached the longest time allowed."),
  "page-closed": ending("normal", 200, "The call ended because the page was left."),
  "canceled": ending("canceled", 487, "You gave up before the call was answered."),
  "answered-elsewhere": ending("refused", 487, "The call was answered at another phone."),

  "transferred": ending("normal", 200, "The call was transferred."),
  "handed-over": ending("normal", 200, "The call goes on at another page."),

  "busy": ending("refused", 486, "The line is busy."),
  "rejected": ending("refused", 603, "The call was declined."),
  "no-answer": ending("refused", 408, "Nobody answered."),
  "unavailable": ending("refused", 480, "Not available at the moment. Please try again later."),
  "not-found": ending("refused", 404, "This number does not exist or is not in service."),
  "incomplete-number": ending("refused", 484, "The number is incomplete."),
  "redirected": ending("refused", 300, "The call was redirected, which is not followed."),
  "loop": ending("refused", 482, "The call went in a circle."),
  "forbidden": ending("refused", 403, "The phone network does not allow this call."),
  "unauthorized": ending("refused", 401, "The phone network does not accept our credentials."),
  "payment-required": ending("refused", 402, "The phone network asks for payment."),
  "incompatible-media": ending("refused", 488, "The other side has no audio format in common with us."),
  "congestion": ending("refused", 503, "All lines of the phone network are busy. Please try again later."),
  "network-failure": ending("refused", 503, "The phone network is out of order."),
  "unreachable": ending("refused", 503, "The phone network cannot be reached at the moment."),
  "trunk-unavailable": ending("refused", 503, "The phone network cannot take calls at the moment."),
  "trunk-error": ending("refused", 500, "The phone network had an error."),

  "bad-target": ending("refused", 484, "This is not a number that can be called."),
  "bad-offer": ending("refused", 488, "The gateway cannot use this browser's audio description."),
  "bad-request": ending("refused", 400, "The request was refused as malformed."),
  "bad-message": ending("refused", 400, "The gateway could not read a message of this page."),
  "not-supported": ending("refused", 501, "The gateway does not support this."),
  "bad-token": ending("refused", 401, "This page may not call, or no longer. Reload it, then call again."),
  "not-allowed": ending("refused", 403, "This call is not allowed from here."),
  "limit-reached": ending("refused", 480, "Too many calls for now. Please try again later."),
  "hold-refused": ending("refused", 488, "The other side's phone refuses to be put on hold."),
  "resume-refused": ending("refused", 488, "The other side's phone refuses to be taken back from hold."),
  "restart-failed": ending("refused", 503, "No other audio connection could be made. The call goes on as it was."),
  "transfer-failed": ending("refused", 480, "The call could not be transferred. It goes on."),
  "unknown-call": ending("refused", 481, "The gateway does not know this call."),
  "no-capacity": ending("refused", 503, "All lines are taken. Please try again in a moment."),
  "service-unavailable": ending("refused", 503, "The service cannot take calls at the moment."),
  "stopped": ending("refused", 503, "The service takes no new calls at present."),
  "draining": ending("refused", 503, "The service is about to restart. Please try again in a moment."),

  "shutdown": ending("failed", 503, "The call ended because the service restarted."),
  "gateway-closed": ending("failed", 503, "The call ended because the service restarted."),
  "connection-lost": ending("failed", 481, "The phone network lost the call."),
  "media-timeout": ending("failed", 408, "The call ended because nothing came from the other side any more."),
  "page-lost": ending("failed", 408, "The call ended because the connection to its page did not come back."),
  "internal": ending("failed", 500, "The call failed because of a fault in the gateway."),

  "insecure-origin": ending("failed", 1001,
    "The browser gives the microphone to secure pages only. Open this page over https, or on localhost."),
  "unsupported": ending("failed", 1002, "This browser cannot make calls (WebRTC is missing or disabled)."),
  "microphone-refused": ending("failed", 1011,
    "The microphone is blocked. Allow it for this page in the browser's address bar or settings, then call again."),
  "microphone-not-found": ending("failed", 1012, "No microphone was found. Plug one in, then call again."),
  "microphone-busy": ending("failed", 1013,
    "The microphone cannot be opened. Another program may be using it."),
  "microphone-failed": ending("failed", 1014, "The microphone could not be started."),
  "gateway-unreachable": ending("failed", 1021, "The phone service cannot be reached, or does not serve this page."),
  "gateway-silent": ending("failed", 1022, "The phone service did not respond in time."),
  "version-mismatch": ending("failed", 1023,
    "This page and the phone service speak different versions. Reload the page."),
  "network": ending("failed", 1024, "The call ended because the connection to the phone service was lost."),
  "protocol": ending("failed", 1025, "The phone service sent something that cannot be understood."),
  "session-refused": ending("failed", 1026, "The phone service closed the session."),
  "media-failed": ending("failed", 1031,
    "No audio connection could be made. A firewall or VPN may be blocking it."),
  "no-media-path": ending("failed", 1033,
    "This browser can neither send nor receive audio here. A firewall or VPN may be blocking it."),
  "media-lost": ending("failed", 1032, "The call ended because the audio connection was lost."),
  "invalid-argument": ending("failed", 1041, "A value given to the client breaks a rule."),
  "invalid-state": ending("failed", 1042, "This is not possible in the present state."),
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

/** A call, or a request about one, that failed. `name` is a word of `ENDINGS`. */
export class CallError extends Error {
  /**
   * The `cause` of the call's end.
   *
   * @type {string}
   */
  cause;

  /**
   * @param {string} name
   * @param {object} [details]
   * @param {string} [details.message] replaces the table's sentence
   * @param {number} [details.code]
   * @param {number | null} [details.sipCode]
   * @param {boolean} [details.fatal] whether the call (or the session) is over by it
   * @param {unknown} [details.original] the exception underneath
   */
  constructor(name, { message, code, sipCode = null, fatal = true, original } = {}) {
    super(message ?? ENDINGS[name]?.message ?? name);
    this.name = name;
    this.code = code ?? ENDINGS[name]?.code ?? 0;
    this.sipCode = sipCode;
    this.fatal = fatal;
    this.cause = name;
    this.original = original;
  }
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
    message: typeof frame.message === "string" ? frame.message : undefined,
    code,
    sipCode: code,
    fatal: typeof frame.fatal === "boolean" ? frame.fatal : fatal,
  });
}

/**
 * @param {CallError} error
 * @param {CallEnd["by"]} by
 * @returns {CallEnd}
 */
export function endFromError(error, by) {
  // The gateway's own `busy` is no busy line
  const word = error.name === "busy" && error.sipCode === 503 ? "no-capacity" : error.name;
  const sentence = ENDINGS[word]?.message ?? error.message;
  const reason = error.message === sentence ? "" : error.message;
  return { by, cause: error.name, sipCode: error.sipCode, reason, message: sentence, durationMs: 0 };
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
  const known = CAUSE_BY_SIP_CODE[sipCode ?? 0] ?? "hangup";
  const cause = typeof frame.cause === "string" ? frame.cause : known;
  return {
    by: frame.by === "local" || frame.by === "gateway" ? frame.by : "remote",
    cause,
    sipCode,
    reason: typeof frame.reason === "string" ? frame.reason : "",
    message:
      typeof frame.message === "string" && frame.message
        ? frame.message
        : calling && cause === "canceled"
          ? "The caller has given up."
          : (ENDINGS[cause] ?? ENDINGS[known]).message,
    durationMs: typeof frame.durationMs === "number" ? frame.durationMs : 0,
  };
}

/**
 * @param {number | undefined} code the gateway has one of its own for none
 * @returns {CallEnd}
 * @throws {CallError} `invalid-argument`
 */
export function endOfRejection(code) {
  if (code !== undefined && !(code in CAUSE_BY_REJECTION)) {
    throw new CallError("invalid-argument", { message: `a call is rejected by 480, 486 or 603, not ${code}`, fatal: false });
  }
  return {
    by: "local",
    cause: CAUSE_BY_REJECTION[code ?? 603],
    sipCode: code ?? null,
    reason: "",
    message: "You declined the call.",
    durationMs: 0,
  };
}

/**
 * No audio connection: then it matters what the TURN servers said.
 *
 * @param {CallEnd} end
 * @param {string} refusals
 * @returns {CallEnd}
 */
export function explained(end, refusals) {
  if (end.cause !== "media-failed" || !refusals) return end;
  return { ...end, reason: `${end.reason} (${refusals})`.trim() };
}

/**
 * The gateway's `transferFailed` frame.
 *
 * @param {{ [key: string]: unknown }} frame
 */
export function transferError({ sipCode, reason }) {
  const message = typeof reason === "string" && reason ? `${ENDINGS["transfer-failed"].message} (${reason})` : undefined;
  return new CallError("transfer-failed", { message, sipCode: typeof sipCode === "number" ? sipCode : null, fatal: false });
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
