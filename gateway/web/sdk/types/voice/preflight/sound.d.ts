/**
 * What is said into the test and what is heard: the microphone's level, and a tone of our own where
 * the audio clock runs. It does not where there is no audio device, or before the page was clicked.
 */
/** Well inside every phone's band, and as loud as speech: Hz, dBFS. */
export declare const TONE: Readonly<{
    frequency: 500;
    level: -20;
}>;
export type Heard = {
    /**
     * of a sine of that power, in dBFS
     */
    level: number;
    /**
     * of the strongest part, in Hz
     */
    frequency: number;
};
/**
 * @typedef {object} Heard
 * @property {number} level of a sine of that power, in dBFS
 * @property {number} frequency of the strongest part, in Hz
 */
/** The audio clock and all that hangs on it. */
export declare class Sound {
    #private;
    /** Starts the clock; false where it stands still. */
    start(): Promise<boolean>;
    /** @returns {MediaStream | null} a soft tone; null while the clock stands still */
    tone(): MediaStream | null;
    /**
     * @param {MediaStream} stream
     * @returns {Ear | null}
     */
    ear(stream: MediaStream): Ear | null;
    close(): void;
}
/** Listens to one stream. */
export declare class Ear {
    #private;
    /**
     * @param {AudioContext} context
     * @param {MediaStream} stream
     */
    constructor(context: AudioContext, stream: MediaStream);
    /** @returns {Heard} of the last sixth of a second */
    listen(): Heard;
    /** Since the beginning: dBFS of the loudest moment and of the highest sample, and the clipped share. */
    get summary(): {
        level: number;
        peak: number;
        clipped: number;
    };
    close(): void;
}
