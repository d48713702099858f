/**
 * The calls of a device: how one is placed, rings here, or is taken up after a reload; and whether there may
 * be one more.
 */
import { Call } from "./call.js";
export type AcceptOptions = import("./call-types.js").AcceptOptions;
export type Placed = import("./connect-options.js").Placed;
export type Frame = import("./frames.js").Frame;
export type Signaling = import("./signaling.js").Signaling;
export type CallsOptions = {
    sessions: import("./sessions.js").Sessions;
    sources: import("./sources.js").Sources;
    devices: import("./audio-devices.js").AudioDevices;
    /**
     * the device is
     */
    destroyed: AbortSignal;
    /**
     * of the device
     */
    emit: import("./device-types.js").Emit;
    /**
     * there is one more
     */
    onCall: (call: Call) => void;
};
/** @typedef {import("./call-types.js").AcceptOptions} AcceptOptions */
/** @typedef {import("./connect-options.js").Placed} Placed */
/** @typedef {import("./frames.js").Frame} Frame */
/** @typedef {import("./signaling.js").Signaling} Signaling */
/**
 * @typedef {object} CallsOptions
 * @property {import("./sessions.js").Sessions} sessions
 * @property {import("./sources.js").Sources} sources
 * @property {import("./audio-devices.js").AudioDevices} devices
 * @property {AbortSignal} destroyed the device is
 * @property {import("./device-types.js").Emit} emit of the device
 * @property {(call: Call) => void} onCall there is one more
 */
export declare class Calls {
    #private;
    options: CallsOptions & import("./device-types.js").DeviceOptions;
    /** @param {CallsOptions & import("./device-types.js").DeviceOptions} options */
    constructor(options: CallsOptions & import("./device-types.js").DeviceOptions);
    /** Those that are alive, oldest first. */
    get all(): Call[];
    /** Whether the session is needed. */
    get any(): boolean;
    /**
     * Whether this page has a call, or is placing one. One that rings here is nobody's yet.
     *
     * @param {Call} [except] this one does not count
     */
    busy(except?: Call): boolean;
    /**
     * Places a call.
     *
     * @param {Placed} placed
     * @returns {Promise<Call>} once its offer is on its way
     */
    place(placed: Placed): Promise<Call>;
    /**
     * A call rings here, if there may be one more.
     *
     * @param {Signaling} signaling
     * @param {Frame} frame
     */
    ring(signaling: Signaling, frame: Frame): void;
    /**
     * Goes on with a call of an earlier page.
     *
     * @param {Signaling} signaling
     * @param {Frame} known by the gateway
     * @param {boolean} muted
     * @param {AcceptOptions} options
     */
    restore(signaling: Signaling, known: Frame, muted: boolean, options: AcceptOptions): Call;
}
