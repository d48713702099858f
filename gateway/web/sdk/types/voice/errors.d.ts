export type Kind = "normal" | "canceled" | "refused" | "failed";
export type Ending = {
    kind: Kind;
    code: number;
    message: string;
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
     * SIP reason phrase, or what exactly was refused; may be empty
     */
    reason: string;
    /**
     * one sentence for a person
     */
    message: string;
    /**
     * from the answer to the end; 0 for a call never answered
     */
    durationMs: number;
};
/** @type {Readonly<Record<string, Readonly<Ending>>>} */
export declare const ENDINGS: Readonly<Record<string, Readonly<Ending>>>;
/** A call, or a request about one, that failed. `name` is a word of `ENDINGS`. */
export declare class CallError extends Error {
    code: number;
    sipCode: number | null;
    fatal: boolean;
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
     * @param {string} [details.message] replaces the table's sentence
     * @param {number} [details.code]
     * @param {number | null} [details.sipCode]
     * @param {boolean} [details.fatal] whether the call (or the session) is over by it
     * @param {unknown} [details.original] the exception underneath
     */
    constructor(name: string, { message, code, sipCode, fatal, original }?: {
        message?: string;
        code?: number;
        sipCode?: number | null;
        fatal?: boolean;
        original?: unknown;
    });
}
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
 * @param {CallError} error
 * @param {CallEnd["by"]} by
 * @returns {CallEnd}
 */
export declare function endFromError(error: CallError, by: CallEnd["by"]): CallEnd;
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
 * @param {number | undefined} code the gateway has one of its own for none
 * @returns {CallEnd}
 * @throws {CallError} `invalid-argument`
 */
export declare function endOfRejection(code: number | undefined): CallEnd;
/**
 * No audio connection: then it matters what the TURN servers said.
 *
 * @param {CallEnd} end
 * @param {string} refusals
 * @returns {CallEnd}
 */
export declare function explained(end: CallEnd, refusals: string): CallEnd;
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
