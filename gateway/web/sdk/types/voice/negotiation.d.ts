/**
 * The offers of a call and the gateway's answers: the first one, and each by which audio that was lost comes
 * back. It opens what an offer needs, and closes it where the call ends meanwhile. It knows no call state.
 */
import { CallError } from "./errors.js";
import { Recovery } from "./recovery.js";
import { Sound } from "./sound.js";
export type AcceptOptions = import("./call-types.js").AcceptOptions;
export type CallSetup = import("./call-types.js").CallSetup;
export type Connection = import("./connection.js").Connection;
export type Frame = import("./frames.js").Frame;
export type NegotiationOptions = {
    /**
     * of the call
     */
    emit: import("./call-types.js").Emit;
    send: (frame: Frame) => void;
    /**
     * whether this side holds the call
     */
    held: () => boolean;
    /**
     * whether silence on the wire deserves a warning
     */
    expectsAudio: () => boolean;
    /**
     * the first offer has left
     */
    onOffered: () => void;
    /**
     * it does not end the call
     */
    onError: (error: CallError) => void;
    /**
     * there is no audio, and there will be none
     */
    onFailed: (error: CallError) => void;
    /**
     * the gateway or the audio is, for now
     */
    onLost: (error: CallError) => void;
    onBack: () => void;
};
/** @typedef {import("./call-types.js").AcceptOptions} AcceptOptions */
/** @typedef {import("./call-types.js").CallSetup} CallSetup */
/** @typedef {import("./connection.js").Connection} Connection */
/** @typedef {import("./frames.js").Frame} Frame */
/**
 * @typedef {object} NegotiationOptions
 * @property {import("./call-types.js").Emit} emit of the call
 * @property {(frame: Frame) => void} send
 * @property {() => boolean} held whether this side holds the call
 * @property {() => boolean} expectsAudio whether silence on the wire deserves a warning
 * @property {() => void} onOffered the first offer has left
 * @property {(error: CallError) => void} onError it does not end the call
 * @property {(error: CallError) => void} onFailed there is no audio, and there will be none
 * @property {(error: CallError) => void} onLost the gateway or the audio is, for now
 * @property {() => void} onBack
 */
export declare class Negotiation {
    #private;
    options: NegotiationOptions;
    recovery: Recovery;
    sound: Sound;
    /**
     * @param {CallSetup} setup
     * @param {NegotiationOptions} options
     */
    constructor(setup: CallSetup, options: NegotiationOptions);
    /**
     * Opens what an incoming call needs, and offers it.
     *
     * @param {AcceptOptions} options
     * @throws {CallError} not fatal while the call rings on
     */
    accept({ audio, element }: AcceptOptions): Promise<void>;
    /** @param {Frame} frame that takes the offer with it */
    offer(frame: Frame): Promise<void>;
    /**
     * Whether it is about the connection of an earlier page, or about one that has been given up.
     *
     * @param {Frame} frame
     */
    isLate({ id }: Frame): boolean;
    /** @param {Frame} frame with an answer of the gateway's */
    answer(frame: Frame): void;
    /**
     * @param {CallError} error by which the gateway refuses another audio connection
     * @param {boolean} sure it is of the last restart: without an id it may be of an earlier one
     */
    refused({ reason }: CallError, sure: boolean): void;
    /** @param {CallError} error why the call is over, for whoever waits for its audio */
    close(error: CallError): void;
}
