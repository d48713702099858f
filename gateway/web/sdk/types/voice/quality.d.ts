export type Sample = {
    /**
     * ms since the epoch
     */
    timestamp: number;
    /**
     * in total
     */
    packetsSent: number;
    /**
     * in total
     */
    packetsReceived: number;
    /**
     * in total, toward the browser
     */
    packetsLost: number;
    /**
     * 0 to 1, of the packets expected since the last sample
     */
    lossFraction: number;
    /**
     * packets received since the last sample
     */
    arrived: number;
    jitterMs: number;
    /**
     * to the gateway
     */
    rttMs: number | null;
    /**
     * bit/s
     */
    bitrateIn: number;
    /**
     * bit/s
     */
    bitrateOut: number;
    /**
     * amplitude of the microphone, 0 to 1
     */
    inputLevel: number;
    /**
     * amplitude of what is heard, 0 to 1
     */
    outputLevel: number;
    /**
     * in total
     */
    bytesReceived: number;
    /**
     * in total
     */
    bytesSent: number;
};
export type LegQuality = {
    /**
     * 1 to 4.5, by the E-model (ITU-T G.107)
     */
    mos: number | null;
    /**
     * 0 to 1
     */
    loss: number | null;
    jitterMs: number | null;
    rttMs: number | null;
    /**
     * in -dBov (RFC 6464): 0 is the loudest, 127 silence
     */
    level: number | null;
    packets: number | null;
};
export type Quality = {
    browser: LegQuality;
    trunk: LegQuality;
};
/**
 * From the browser's getStats to a few numbers per second, and from those to warnings; and what the
 * gateway says of both legs. Pure: time and reports are arguments.
 */
/**
 * @typedef {object} Sample the browser's side of the call, for the time since the last sample
 * @property {number} timestamp ms since the epoch
 * @property {number} packetsSent in total
 * @property {number} packetsReceived in total
 * @property {number} packetsLost in total, toward the browser
 * @property {number} lossFraction 0 to 1, of the packets expected since the last sample
 * @property {number} arrived packets received since the last sample
 * @property {number} jitterMs
 * @property {number | null} rttMs to the gateway
 * @property {number} bitrateIn bit/s
 * @property {number} bitrateOut bit/s
 * @property {number} inputLevel amplitude of the microphone, 0 to 1
 * @property {number} outputLevel amplitude of what is heard, 0 to 1
 * @property {number} bytesReceived in total
 * @property {number} bytesSent in total
 */
/**
 * @typedef {object} LegQuality what came to the gateway on one leg in two seconds; null: not known
 * @property {number | null} mos 1 to 4.5, by the E-model (ITU-T G.107)
 * @property {number | null} loss 0 to 1
 * @property {number | null} jitterMs
 * @property {number | null} rttMs
 * @property {number | null} level in -dBov (RFC 6464): 0 is the loudest, 127 silence
 * @property {number | null} packets
 */
/** @typedef {{ browser: LegQuality, trunk: LegQuality }} Quality both legs, as the gateway sees them */
/**
 * The gateway's `quality` frame.
 *
 * @param {{ [key: string]: unknown }} frame
 * @returns {Quality}
 */
export declare function qualityFromFrame(frame: {
    [key: string]: unknown;
}): Quality;
export type Stats = {
    [key: string]: any;
};
/** @typedef {{ [key: string]: any }} Stats one entry of an RTCStatsReport */
/**
 * @param {Iterable<Stats>} entries
 * @param {Sample | null} previous
 * @param {number} timestamp ms
 * @returns {Sample}
 */
export declare function summarize(entries: Iterable<Stats>, previous: Sample | null, timestamp: number): Sample;
/** Raises and clears the warnings of one call. */
export declare class Watch {
    #private;
    /**
     * @param {Sample} sample
     * @returns {{ name: string, active: boolean, value: number, limit: number }[]} what changed
     */
    feed(sample: Sample): {
        name: string;
        active: boolean;
        value: number;
        limit: number;
    }[];
}
