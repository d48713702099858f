export type Path = {
    kind: "direct" | "relay";
    /**
     * its type, as ICE has it: host, srflx, prflx, relay
     */
    candidate: string;
    /**
     * between browser and gateway, or browser and relay
     */
    protocol: "udp" | "tcp" | "tls";
    /**
     * of the checks on it
     */
    rttMs: number | null;
};
export type Stats = {
    [key: string]: any;
};
/** The way that sound takes, out of the browser's statistics. Pure. */
/**
 * @typedef {object} Path
 * @property {"direct" | "relay"} kind
 * @property {string} candidate its type, as ICE has it: host, srflx, prflx, relay
 * @property {"udp" | "tcp" | "tls"} protocol between browser and gateway, or browser and relay
 * @property {number | null} rttMs of the checks on it
 */
/** @typedef {{ [key: string]: any }} Stats one entry of an RTCStatsReport */
/**
 * @param {Stats[]} stats
 * @returns {Path | null} null while none is chosen
 */
export declare function summarizePath(stats: Stats[]): Path | null;
