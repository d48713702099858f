/**
 * What a page asks of a call that is up, and who holds it: hold, resume, transfer. Each is a frame and
 * a promise, which the gateway's answer settles; the end of the call settles what is left.
 */
import { CallError } from "./errors.js";
export type Frame = import("./frames.js").Frame;
export type Side = "local" | "remote";
export type Stage = {
    sipCode: number | null;
    reason: string;
};
export type Redirection = Stage & {
    to: string;
};
export type RedirectEvent = "redirecting" | "redirected" | "redirectfailed";
export type Subject = "hold" | "transfer";
export type Pending = {
    type: string;
    promise: Promise<any>;
    resolve: (value?: unknown) => void;
    reject: (error: CallError) => void;
};
export declare class Requests {
    #private;
    options: {
        send: (frame: Frame) => void;
        onHeld: (by: Side) => void;
        onResumed: (by: Side) => void;
        onProgress: (stage: Stage) => void;
        onRedirect: (event: RedirectEvent, frame: Frame, redirection: Redirection) => void;
    };
    /**
     * @param {object} options
     * @param {(frame: Frame) => void} options.send
     * @param {(by: Side) => void} options.onHeld
     * @param {(by: Side) => void} options.onResumed
     * @param {(stage: Stage) => void} options.onProgress of a transfer
     * @param {(event: RedirectEvent, frame: Frame, redirection: Redirection) => void} options.onRedirect
     */
    constructor(options: {
        send: (frame: Frame) => void;
        onHeld: (by: Side) => void;
        onResumed: (by: Side) => void;
        onProgress: (stage: Stage) => void;
        onRedirect: (event: RedirectEvent, frame: Frame, redirection: Redirection) => void;
    });
    /** Who holds the call; both sides may at once. */
    get held(): {
        local: boolean;
        remote: boolean;
    };
    /** Whether the call is on hold, by whomever. */
    get silent(): boolean;
    /** @param {unknown} held who holds a call of an earlier page */
    restore(held: unknown): void;
    /**
     * @param {boolean} hold
     * @returns {Promise<void>}
     */
    hold(hold: boolean): Promise<void>;
    /**
     * @param {{ to: string } | { replaces: string } | { identity: string }} target
     * @returns {Promise<Stage>}
     */
    transfer(target: {
        to: string;
    } | {
        replaces: string;
    } | {
        identity: string;
    }): Promise<Stage>;
    /** @type {Readonly<Record<string, (frame: Frame) => void>>} by type */
    handlers: Readonly<Record<string, (frame: Frame) => void>>;
    /**
     * @param {CallError} error of the call, and not fatal
     * @returns {boolean} whether it was the answer to a request
     */
    refused(error: CallError): boolean;
    /** @param {import("./errors.js").CallEnd} end */
    close(end: import("./errors.js").CallEnd): void;
}
