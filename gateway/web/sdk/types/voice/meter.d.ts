/** @param {number} amplitude linear, 0 to 1 */
export declare function toLevel(amplitude: number): number;
/** @returns {AudioContext} the page's, to be released again, also if this throws */
export declare function acquire(): AudioContext;
export declare function release(): void;
/** The level of one stream. */
export declare class Meter {
    #private;
    /** @param {MediaStream} stream with an audio track */
    constructor(stream: MediaStream);
    /** @returns {number | null} null while the audio clock stands still, or where there is none */
    level(): number | null;
    close(): void;
}
