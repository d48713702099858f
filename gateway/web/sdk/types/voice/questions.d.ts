/**
 * What a page asks of its session, not of a call that lives: one question after the other, since an
 * error of the gateway's does not say to which it belongs.
 */
import { CallError } from "./errors.js";
export type Frame = import("./frames.js").Frame;
export type Question = {
    /**
     * the type of the frame that answers it
     */
    answer: string;
    /**
     * the one that it concerns, if any; it may be over
     */
    call: unknown;
    resolve: (frame: Frame) => void;
    reject: (error: CallError) => void;
};
/** @typedef {import("./frames.js").Frame} Frame */
/**
 * @typedef {object} Question on its way
 * @property {string} answer the type of the frame that answers it
 * @property {unknown} call the one that it concerns, if any; it may be over
 * @property {(frame: Frame) => void} resolve
 * @property {(error: CallError) => void} reject
 */
export declare class Questions {
    #private;
    options: {
        ready: () => Promise<unknown>;
        send: (frame: Frame) => void;
    };
    /**
     * @param {object} options
     * @param {() => Promise<unknown>} options.ready resolves when something can be asked; rejects with a CallError
     * @param {(frame: Frame) => void} options.send
     */
    constructor(options: {
        ready: () => Promise<unknown>;
        send: (frame: Frame) => void;
    });
    /**
     * @param {Frame} frame
     * @param {string} answer the type of the frame that says yes
     * @returns {Promise<Frame>}
     * @throws {CallError} the session lives on unless that is fatal
     */
    ask(frame: Frame, answer: string): Promise<Frame>;
    /**
     * @param {Frame} frame that concerns no call
     * @returns {boolean} whether it was the answer
     */
    hear(frame: Frame): boolean;
    /**
     * @param {Frame} frame that concerns a call
     * @returns {boolean} whether it was the answer to what was asked about that call
     */
    settle(frame: Frame): boolean;
    /**
     * @param {CallError} error that concerns no call
     * @returns {boolean} whether there was a question that it could answer
     */
    refuse(error: CallError): boolean;
}
