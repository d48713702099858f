/**
 * The session with the gateway that a device has, one at a time, with the token that opens it and the identity
 * that it registers. It is opened when something needs it, and closed when nothing has for a while.
 */
import { Access } from "./access.js";
import { Registration } from "./registration.js";
import { Signaling } from "./signaling.js";
export type Frame = import("./frames.js").Frame;
export type SessionsOptions = {
    url: string;
    /**
     * whether a call needs the session
     */
    inUse: () => boolean;
    /**
     * of the device
     */
    emit: import("./device-types.js").Emit;
    /**
     * a call from the gateway
     */
    onIncoming: (signaling: Signaling, frame: Frame) => void;
    /**
     * the token ends soon; once for each
     */
    onExpiring: (expires: Date) => void;
    onClose: () => void;
};
/** @typedef {import("./frames.js").Frame} Frame */
/**
 * @typedef {object} SessionsOptions
 * @property {string} url
 * @property {() => boolean} inUse whether a call needs the session
 * @property {import("./device-types.js").Emit} emit of the device
 * @property {(signaling: Signaling, frame: Frame) => void} onIncoming a call from the gateway
 * @property {(expires: Date) => void} onExpiring the token ends soon; once for each
 * @property {() => void} onClose
 */
export declare class Sessions {
    #private;
    options: SessionsOptions & import("./access.js").AccessOptions;
    access: Access;
    registration: Registration;
    /** @type {Promise<any> | undefined} until it is known whether there is a session of the page before */
    restoring: Promise<any> | undefined;
    /** @param {SessionsOptions & import("./access.js").AccessOptions} options */
    constructor(options: SessionsOptions & import("./access.js").AccessOptions);
    /** @returns {Signaling | null} not a new one */
    get present(): Signaling | null;
    /** @returns {Signaling} the present session, or a new one */
    use(): Signaling;
    /**
     * Goes on with the session of an earlier page, in the place of one without calls.
     *
     * @param {import("./signaling.js").Resumption} resumption
     * @param {(signaling: Signaling, calls: Frame[]) => void} onRestored
     * @throws {CallError} the gateway has it no more
     */
    restore(resumption: import("./signaling.js").Resumption, onRestored: (signaling: Signaling, calls: Frame[]) => void): Promise<void>;
    /** Closes the session after a while, unless something needs it. */
    rest(): void;
    /** A call is over. */
    expectFeedback(): void;
    close(): void;
}
