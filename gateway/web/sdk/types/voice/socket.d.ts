/**
 * One WebSocket to the gateway, and why it is gone. A page may forbid it by its Content-Security-Policy: then
 * Chromium tells the document before the socket, which never closes, and Firefox throws.
 */
import { CallError } from "./errors.js";
export declare const SUBPROTOCOL = "gateway.v1";
export declare class Socket {
    #private;
    url: string;
    options: {
        onOpen: () => void;
        onMessage: (data: unknown) => void;
        onGone: (error: CallError, code?: number) => void;
        stood: () => boolean;
    };
    /**
     * @param {string} url
     * @param {object} options
     * @param {() => void} options.onOpen
     * @param {(data: unknown) => void} options.onMessage
     * @param {(error: CallError, code?: number) => void} options.onGone once, unless it was closed from here
     * @param {() => boolean} options.stood whether the session has stood on it
     */
    constructor(url: string, options: {
        onOpen: () => void;
        onMessage: (data: unknown) => void;
        onGone: (error: CallError, code?: number) => void;
        stood: () => boolean;
    });
    /** Whether the other side speaks as we do. */
    get understood(): boolean;
    /**
     * @param {string} data
     * @returns {boolean} whether it is on its way
     */
    send(data: string): boolean;
    /** Nothing is heard of it any more; what was sent before still leaves. */
    close(): void;
}
