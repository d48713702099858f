export type Frame = {
    type: string;
    [key: string]: unknown;
};
export type Welcome = {
    session: string;
    iceServers: RTCIceServer[];
    iceTransportPolicy: RTCIceTransportPolicy;
    /**
     * of the token, in seconds since the epoch
     */
    expires: number | null;
};
/** The frames of gateway.v1 as they come from the wire: whatever stands in one may be missing or wrong. */
/** @typedef {{ type: string, [key: string]: unknown }} Frame */
/**
 * @typedef {object} Welcome
 * @property {string} session
 * @property {RTCIceServer[]} iceServers
 * @property {RTCIceTransportPolicy} iceTransportPolicy
 * @property {number | null} expires of the token, in seconds since the epoch
 */
/**
 * @param {unknown} data
 * @returns {Frame | null}
 */
export declare function parse(data: unknown): Frame | null;
/** @param {unknown} data */
export declare const brief: (data: unknown) => string;
/**
 * @param {Frame} frame
 * @returns {Welcome}
 */
export declare const readWelcome: ({ session, iceServers, iceTransportPolicy, expires }: Frame) => Welcome;
/** @param {unknown} value */
export declare const text: (value: unknown) => string | undefined;
/**
 * @param {unknown} value
 * @returns {Record<string, string>} its entries that are texts
 */
export declare function texts(value: unknown): Record<string, string>;
