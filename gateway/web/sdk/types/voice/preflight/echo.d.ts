export type Line = import("./line.js").Line;
export type Frame = import("./line.js").Frame;
export type Path = import("./path.js").Path;
export type Sample = {
    seconds: number;
    rttMs: number | null;
    /**
     * share of what was sent that did not come, 0 to 1
     */
    lossUp: number | null;
    lossDown: number | null;
    jitterUpMs: number | null;
    jitterDownMs: number | null;
    /**
     * 1 to 4.5, of the worse direction
     */
    mos: number | null;
    /**
     * as the gateway hears it, in dBFS
     */
    levelUp: number | null;
    /**
     * packets
     */
    sent: number;
    received: number;
};
export type EchoResult = {
    /**
     * a word of the texts; null where sound has flowed
     */
    error: string | null;
    /**
     * the gateway's own words
     */
    reason: string;
    /**
     * from the offer to a way through
     */
    iceMs: number | null;
    /**
     * from there to keys
     */
    dtlsMs: number | null;
    path: Path | null;
    /**
     * of the gateway, where browsers send to
     */
    hosts: string[];
    /**
     * of the gateway, UDP
     */
    ports: number[];
    /**
     * the last one
     */
    sample: Sample | null;
};
/** @typedef {import("./line.js").Line} Line */
/** @typedef {import("./line.js").Frame} Frame */
/** @typedef {import("./path.js").Path} Path */
/**
 * @typedef {object} Sample what has been measured up to now; null where nothing is known
 * @property {number} seconds
 * @property {number | null} rttMs
 * @property {number | null} lossUp share of what was sent that did not come, 0 to 1
 * @property {number | null} lossDown
 * @property {number | null} jitterUpMs
 * @property {number | null} jitterDownMs
 * @property {number | null} mos 1 to 4.5, of the worse direction
 * @property {number | null} levelUp as the gateway hears it, in dBFS
 * @property {number} sent packets
 * @property {number} received
 */
/**
 * @typedef {object} EchoResult
 * @property {string | null} error a word of the texts; null where sound has flowed
 * @property {string} reason the gateway's own words
 * @property {number | null} iceMs from the offer to a way through
 * @property {number | null} dtlsMs from there to keys
 * @property {Path | null} path
 * @property {string[]} hosts of the gateway, where browsers send to
 * @property {number[]} ports of the gateway, UDP
 * @property {Sample | null} sample the last one
 */
export declare class Echo {
    #private;
    /** @type {(stream: MediaStream) => void} what comes back is to be heard here */
    onStream: (stream: MediaStream) => void;
    /**
     * @param {Line} line
     * @param {RTCConfiguration} configuration
     * @param {MediaStream | null} stream what is sent
     * @param {AbortSignal} signal
     */
    constructor(line: Line, configuration: RTCConfiguration, stream: MediaStream | null, signal: AbortSignal);
    /**
     * @param {number} seconds to measure for
     * @param {{ onConnected: (result: EchoResult) => void, onSample: (sample: Sample) => void }} told
     * @returns {Promise<EchoResult>}
     */
    run(seconds: number, { onConnected, onSample }: {
        onConnected: (result: EchoResult) => void;
        onSample: (sample: Sample) => void;
    }): Promise<EchoResult>;
}
