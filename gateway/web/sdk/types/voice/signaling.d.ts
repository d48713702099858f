import { CallError } from "./errors.js";
export type Frame = import("./frames.js").Frame;
export type Welcome = import("./frames.js").Welcome;
export type Hello = {
    token?: string;
    challenge?: string;
};
export type Receiver = {
    receive: (frame: Frame) => void;
    /**
     * the session is over
     */
    lost: (error: CallError) => void;
    /**
     * the gateway cannot be heard for now
     */
    interrupted: (error: CallError) => void;
    /**
     * it can be heard again, and all that was missed has been told
     */
    back: () => void;
};
export type Resumption = {
    token: string;
    /**
     * how many frames of calls have come, `quality` not counted
     */
    received: number;
};
/** @typedef {import("./frames.js").Frame} Frame */
/** @typedef {import("./frames.js").Welcome} Welcome */
/** @typedef {{ token?: string, challenge?: string }} Hello */
/**
 * @typedef {object} Receiver a call, seen from here
 * @property {(frame: Frame) => void} receive
 * @property {(error: CallError) => void} lost the session is over
 * @property {(error: CallError) => void} interrupted the gateway cannot be heard for now
 * @property {() => void} back it can be heard again, and all that was missed has been told
 */
/**
 * @typedef {object} Resumption what brings a page back to its session
 * @property {string} token
 * @property {number} received how many frames of calls have come, `quality` not counted
 */
export declare class Signaling {
    #private;
    url: string;
    onReconnecting: (error: CallError) => void;
    onReconnected: () => void;
    onRestored: ((calls: Frame[]) => void) | undefined;
    onExpiring: (expires: number) => void;
    onIncoming: (frame: Frame) => void;
    onUnregistered: () => void;
    onError: (error: CallError) => void;
    onClosed: (error: CallError) => void;
    /** @type {Promise<Welcome>} the latest; rejects with a CallError */
    welcome: Promise<Welcome>;
    /** @type {(seconds: number) => void} the gateway takes no new calls; those that run have so long */
    onDraining: (seconds: number) => void;
    /**
     * @param {object} options
     * @param {string} options.url
     * @param {() => () => Promise<Hello>} options.greet what is begun at once, and asked for its end by an open socket
     * @param {(expires: number) => void} options.onExpiring the token ends soon; seconds since the epoch
     * @param {(frame: Frame) => void} options.onIncoming a call from the gateway
     * @param {() => void} options.onUnregistered the gateway has ended it by itself
     * @param {(error: CallError) => void} options.onError a frame that concerns no call
     * @param {(error: CallError) => void} options.onClosed once, when the session is over
     * @param {(error: CallError) => void} options.onReconnecting the socket is lost, another one is tried
     * @param {() => void} options.onReconnected
     * @param {Resumption} [options.resumption] of another page's session
     * @param {(calls: Frame[]) => void} [options.onRestored] its calls
     */
    constructor(options: {
        url: string;
        greet: () => () => Promise<Hello>;
        onExpiring: (expires: number) => void;
        onIncoming: (frame: Frame) => void;
        onUnregistered: () => void;
        onError: (error: CallError) => void;
        onClosed: (error: CallError) => void;
        onReconnecting: (error: CallError) => void;
        onReconnected: () => void;
        resumption?: Resumption;
        onRestored?: (calls: Frame[]) => void;
    });
    get closed(): boolean;
    /** Whether the gateway can be heard. */
    get connected(): boolean;
    /** How long the gateway keeps calls of a page that it has lost, in ms; 0: not at all. */
    get window(): number;
    /** What another page needs to go on with the session; null where that is not possible. */
    get resumption(): {
        token: string;
        received: number;
    } | null;
    /** Tries at once instead of after the pause: the network has come back, or somebody looks at the page. */
    wake(): void;
    /** Asks at once whether the gateway is there, since something speaks against it. */
    probe(): void;
    /**
     * Does something once nothing speaks against the socket. What goes into a dead one may arrive all the same,
     * late, and be answered beside what is sent by the next socket. Nothing is done if there is a next one.
     *
     * @param {() => void} act
     */
    whenSure(act: () => void): void;
    /** Whether a call has gone out since the last hello. */
    get tokenUsed(): boolean;
    /**
     * @param {string} id
     * @param {Receiver} receiver
     * @throws {CallError} the session is over
     */
    attach(id: string, receiver: Receiver): void;
    /** @param {string} id */
    detach(id: string): void;
    /** @param {Frame} frame */
    send(frame: Frame): void;
    /** Ends the session; what was sent before still leaves. */
    close(): void;
    /**
     * Says hello with a new token.
     *
     * @param {string | undefined} token
     * @throws {CallError} the session lives on unless that is fatal
     */
    renew(token: string | undefined): Promise<void>;
    /**
     * Asks the gateway for something that concerns no call, or one that may be over.
     *
     * @param {Frame} frame
     * @param {string} answer the type of the frame that says yes
     * @returns {Promise<Frame>}
     * @throws {CallError} the session lives on unless that is fatal
     */
    ask(frame: Frame, answer: string): Promise<Frame>;
}
