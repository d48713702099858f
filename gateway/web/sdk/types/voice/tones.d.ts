export type Call = import("./call.js").Call;
export type Tone = {
    tones: readonly number[];
    cadence: readonly number[];
};
export type Ringback = string | boolean;
/** @typedef {import("./call.js").Call} Call */
/** @typedef {{ tones: readonly number[], cadence: readonly number[] }} Tone Hz, and seconds of sound and silence in turn */
/** @typedef {string | boolean} Ringback a key of `RINGBACK`; true is "eu" */
/** Ringing tones of the countries' networks (ITU-T E.180 supplement 2). @type {Readonly<Record<string, Tone>>} */
export declare const RINGBACK: Readonly<Record<string, Tone>>;
export declare class Tones {
    #private;
    options: {
        ringback?: Ringback | ((to: string) => Ringback);
        ringtone?: boolean;
        speaker: (ringing: boolean) => string;
    };
    /**
     * @param {object} options
     * @param {Ringback | ((to: string) => Ringback)} [options.ringback] by the number that is called
     * @param {boolean} [options.ringtone] unless the page has one of its own
     * @param {(ringing: boolean) => string} options.speaker that is chosen, for a call that comes in or another one; "" is
     *   the default one
     */
    constructor(options: {
        ringback?: Ringback | ((to: string) => Ringback);
        ringtone?: boolean;
        speaker: (ringing: boolean) => string;
    });
    /** @param {Call} call that is placed or rings here */
    follow(call: Call): void;
}
