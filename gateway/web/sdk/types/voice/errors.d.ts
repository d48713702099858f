export type Kind = "normal" | "canceled" | "refused" | "failed";
export type Ending = {
    readonly kind: Kind;
    readonly code: number;
};
export type CallEnd = {
    /**
     * who ended the call, seen from this page
     */
    by: "local" | "remote" | "gateway";
    /**
     * a word of `ENDINGS`, or a newer one of the gateway's
     */
    cause: string;
    /**
     * final SIP status, where there was one
     */
    sipCode: number | null;
    /**
     * for the operator: SIP reason phrase, or what the gateway says; may be empty
     */
    reason: string;
    /**
     * what has happened, for the person at the page, in the page's language
     */
    message: string;
    /**
     * what that person can do about it; may be empty
     */
    advice: string;
    /**
     * from the answer to the end; 0 for a call never answered
     */
    durationMs: number;
};
/** @type {Readonly<Record<string, Ending>>} */
export declare const ENDINGS: Readonly<Record<string, Ending>>;
/** Ends that are told in other words than by their cause, as it matters who did what. */
declare const SENTENCES: Readonly<Record<string, string>>;
/** A call, or a request about one, that failed. `name` is a word of `ENDINGS`. */
export declare class CallError extends Error {
    #private;
    code: number;
    sipCode: number | null;
    fatal: boolean;
    reason: string;
    original: unknown;
    /**
     * The `cause` of the call's end.
     *
     * @type {string}
     */
    cause: string;
    /**
     * @param {string} name
     * @param {object} [details]
     * @param {string} [details.reason] the gateway's words, or what exactly is wrong: for whoever runs the page
     * @param {number} [details.code]
     * @param {number | null} [details.sipCode]
     * @param {boolean} [details.fatal] whether the call (or the session) is over by it
     * @param {unknown} [details.original] the exception underneath
     */
    constructor(name: string, { reason, code, sipCode, fatal, original }?: {
        reason?: string;
        code?: number;
        sipCode?: number | null;
        fatal?: boolean;
        original?: unknown;
    });
    /** What has happened, for the person at the page, in the page's language. */
    get message(): string;
    /** What that person can do about it; may be empty. */
    get advice(): string;
}
/**
 * The word by which the texts speak of a cause: the gateway's own `busy` is no busy line.
 *
 * @param {string} cause
 * @param {number | null} sipCode
 */
export declare const spokenAs: (cause: string, sipCode: number | null) => string;
/**
 * @param {unknown} error whatever was thrown
 * @returns {CallError} itself if it is one
 */
export declare function asCallError(error: unknown): CallError;
/**
 * The gateway's `error` frame: its code is a SIP status, its message is for the page's author.
 *
 * @param {{ [key: string]: unknown }} frame
 * @param {boolean} fatal what an absent `fatal` means
 */
export declare function errorFromFrame(frame: {
    [key: string]: unknown;
}, fatal: boolean): CallError;
/**
 * @param {Omit<CallEnd, "message" | "advice">} end
 * @param {{ likewise?: string, told?: keyof typeof SENTENCES }} [how] it is told
 * @returns {CallEnd} with the sentences that belong to it, in the language that the page has by then
 */
export declare function callEnd(end: Omit<CallEnd, "message" | "advice">, { likewise, told }?: {
    likewise?: string;
    told?: keyof typeof SENTENCES;
}): CallEnd;
/**
 * @param {CallError} error
 * @param {CallEnd["by"]} by
 * @returns {CallEnd}
 */
export declare function endFromError({ name, sipCode, reason }: CallError, by: CallEnd["by"]): CallEnd;
/**
 * The gateway's `ended` frame. An unknown cause is kept; its sentence comes from the SIP status.
 *
 * @param {{ [key: string]: unknown }} frame
 * @param {boolean} calling whether it is of an incoming call that was not answered here
 * @returns {CallEnd}
 */
export declare function endFromFrame(frame: {
    [key: string]: unknown;
}, calling: boolean): CallEnd;
/**
 * @param {string} cause
 * @returns {CallEnd} of a call that this page ends
 */
export declare function endFromHere(cause: string): CallEnd;
/**
 * @param {number | undefined} code the gateway has one of its own for none
 * @returns {CallEnd}
 * @throws {CallError} `invalid-argument`
 */
export declare function endOfRejection(code: number | undefined): CallEnd;
/**
 * The end as it is told: with the time from the answer, and if there was no audio connection, with what the
 * TURN servers said.
 *
 * @param {CallEnd} end
 * @param {{ refusals: string, durationMs?: number }} known
 * @returns {CallEnd}
 */
export declare function complete(end: CallEnd, { refusals, durationMs }: {
    refusals: string;
    durationMs?: number;
}): CallEnd;
/**
 * What somebody is told who still waits for something of a call that is over.
 *
 * @param {CallEnd} end
 */
export declare const errorOfEnd: ({ cause, reason, sipCode }: CallEnd) => CallError;
/**
 * The gateway's `transferFailed` frame.
 *
 * @param {{ [key: string]: unknown }} frame
 */
export declare function transferError({ sipCode, reason }: {
    [key: string]: unknown;
}): CallError;
/**
 * @param {CallEnd} end
 * @param {boolean} calling whether it is of an incoming call that was not answered here
 * @returns {Kind}
 */
export declare function kindOf({ cause, by, sipCode }: CallEnd, calling: boolean): Kind;
export {};
