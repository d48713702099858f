export type Frame = {
    type: string;
    [key: string]: any;
};
export type Line = {
    /**
     * until the WebSocket stood
     */
    openMs: number;
    /**
     * until the gateway has welcomed the page
     */
    welcomeMs: number;
    iceServers: RTCIceServer[];
    iceTransportPolicy: RTCIceTransportPolicy;
    send: (frame: Frame) => void;
    /**
     * of calls; to be set
     */
    onFrame: (frame: Frame) => void;
    /**
     * to be set
     */
    onLost: (name: string) => void;
    close: () => void;
};
/** @typedef {{ type: string, [key: string]: any }} Frame */
/**
 * @typedef {object} Line
 * @property {number} openMs until the WebSocket stood
 * @property {number} welcomeMs until the gateway has welcomed the page
 * @property {RTCIceServer[]} iceServers
 * @property {RTCIceTransportPolicy} iceTransportPolicy
 * @property {(frame: Frame) => void} send
 * @property {(frame: Frame) => void} onFrame of calls; to be set
 * @property {(name: string) => void} onLost to be set
 * @property {() => void} close
 */
/** Why there is no session, by a word of the texts. */
export declare class LineError extends Error {
    reason: string;
    /**
     * @param {string} name
     * @param {string} [reason] the gateway's own words, for the operator
     */
    constructor(name: string, reason?: string);
}
/**
 * @param {string} url
 * @param {() => Promise<{ token?: string, challenge?: string }>} hello
 * @param {AbortSignal} signal
 * @returns {Promise<Line>}
 * @throws {LineError}
 */
export declare function openLine(url: string, hello: () => Promise<{
    token?: string;
    challenge?: string;
}>, signal: AbortSignal): Promise<Line>;
