/**
 * The session of a test: one WebSocket, and how long it takes. It is none of the device's, whose calls
 * must not wait for a test, and it does not come back when it is lost: that is a finding.
 */
import { CallError } from "../errors.js";
export type Frame = {
    type: string;
    [key: string]: any;
};
export type Hello = () => Promise<{
    token?: string;
    challenge?: string;
}>;
/** @typedef {{ type: string, [key: string]: any }} Frame */
/** @typedef {() => Promise<{ token?: string, challenge?: string }>} Hello */
/**
 * @param {string} url
 * @param {Hello} hello
 * @param {AbortSignal} signal
 * @returns {Promise<Line>}
 * @throws {CallError}
 */
export declare function openLine(url: string, hello: Hello, signal: AbortSignal): Promise<Line>;
export declare class Line {
    #private;
    /** @type {Promise<void>} rejects with a CallError */
    welcomed: Promise<void>;
    /** Until the WebSocket stood. */
    openMs: number;
    /** Until the gateway has welcomed the page; 0 while it has not. */
    welcomeMs: number;
    /** @type {RTCIceServer[]} */
    iceServers: RTCIceServer[];
    /** @type {RTCIceTransportPolicy} */
    iceTransportPolicy: RTCIceTransportPolicy;
    /** @type {string | null} why it is lost */
    lost: string | null;
    /** @type {(frame: Frame) => void} of calls; to be set */
    onFrame: (frame: Frame) => void;
    /** @type {(name: string) => void} to be set, once `lost` was looked at */
    onLost: (name: string) => void;
    /**
     * @param {string} url
     * @param {Hello} hello
     * @throws {CallError} no socket can be made
     */
    constructor(url: string, hello: Hello);
    /** @param {Frame} frame */
    send(frame: Frame): void;
    close(): void;
    /** @param {CallError} error */
    lose(error: CallError): void;
}
