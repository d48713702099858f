export type Tone = {
    tones: readonly number[];
    cadence: readonly number[];
};
/** @typedef {{ tones: readonly number[], cadence: readonly number[] }} Tone Hz, and seconds of sound and silence in turn */
/** Ringing tones of the countries' networks (ITU-T E.180 supplement 2). @type {Readonly<Record<string, Tone>>} */
export declare const RINGBACK: Readonly<Record<string, Tone>>;
export declare class Tones {
    #private;
    options: {
        ringback?: string | boolean;
        ringtone?: boolean;
        speaker: () => string;
    };
    /**
     * @param {object} options
     * @param {string | boolean} [options.ringback] a key of `RINGBACK`; true is "eu"
     * @param {boolean} [options.ringtone]
     * @param {() => string} options.speaker that is chosen; "" is the default one
     */
    constructor(options: {
        ringback?: string | boolean;
        ringtone?: boolean;
        speaker: () => string;
    });
    /** @param {import("./call.js").Call} call that is placed or rings here */
    follow(call: import("./call.js").Call): void;
}
