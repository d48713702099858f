export type Way = "host" | "reflexive" | "relay-udp" | "relay-tcp" | "relay-tls";
export type WayResult = {
    /**
     * skipped: the gateway offers no server for it
     */
    state: "passed" | "failed" | "skipped";
    /**
     * until the address was there
     */
    ms: number | null;
    /**
     * that were asked
     */
    servers: string[];
    /**
     * what the last server said
     */
    error: string;
};
/** @typedef {"host" | "reflexive" | "relay-udp" | "relay-tcp" | "relay-tls"} Way */
/**
 * @typedef {object} WayResult
 * @property {"passed" | "failed" | "skipped"} state skipped: the gateway offers no server for it
 * @property {number | null} ms until the address was there
 * @property {string[]} servers that were asked
 * @property {string} error what the last server said
 */
/** @type {readonly Way[]} */
export declare const WAYS: readonly Way[];
/**
 * @param {string} url of a STUN or TURN server
 * @returns {Way}
 */
export declare function wayOf(url: string): Way;
/**
 * @param {RTCIceServer[]} servers
 * @param {Way} way
 * @param {AbortSignal} signal
 * @returns {Promise<WayResult>}
 */
export declare function tryWay(servers: RTCIceServer[], way: Way, signal: AbortSignal): Promise<WayResult>;
