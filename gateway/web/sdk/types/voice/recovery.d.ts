/**
 * What of a call is interrupted, and what brings it back: the gateway's word, the audio, or both. It
 * sends no frames; it says when another audio connection is to be tried, and when that is of no use any
 * more.
 */
import { CallError } from "./errors.js";
export declare class Recovery {
    #private;
    options: {
        window: () => number;
        restart: () => void;
        onFailed: (error: CallError) => void;
        onLost: (error: CallError) => void;
        onBack: () => void;
    };
    /**
     * @param {object} options
     * @param {() => number} options.window ms for which the gateway keeps the call; 0: it does not
     * @param {() => void} options.restart tries another audio connection
     * @param {(error: CallError) => void} options.onFailed nothing brings it back
     * @param {(error: CallError) => void} options.onLost
     * @param {() => void} options.onBack
     */
    constructor(options: {
        window: () => number;
        restart: () => void;
        onFailed: (error: CallError) => void;
        onLost: (error: CallError) => void;
        onBack: () => void;
    });
    /** Whether something is interrupted. */
    get active(): boolean;
    /** Whether an answer is to be expected. */
    get restarting(): boolean;
    /**
     * Whether this is the first that speaks against the audio.
     *
     * @param {boolean} silent whether nothing has come of late, though something should
     */
    hear(silent: boolean): boolean;
    /** @param {CallError} error why the gateway cannot be heard */
    interrupted(error: CallError): void;
    /** It can be heard again. */
    back(): void;
    /** The audio has come up. */
    connected(): void;
    /** The audio is interrupted, and may come back by itself. */
    doubt(): void;
    /** @param {CallError} error there is no audio connection any more, or the new one has not come up */
    failed(error: CallError): void;
    /** Begins with a call of an earlier page, whose audio is gone with it. */
    begin(): void;
    /** The answer to the restart has come. */
    answered(): void;
    close(): void;
}
