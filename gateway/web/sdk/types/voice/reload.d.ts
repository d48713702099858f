export type Left = import("./signaling.js").Resumption & {
    muted: string[];
};
export declare class Reload {
    #private;
    /** @param {string} url of the gateway */
    constructor(url: string);
    /**
     * @param {Left} left
     * @param {number} window ms for which it is of use
     */
    leave(left: Left, window: number): void;
    /** @returns {Left | null} what was left, to be forgotten or released by whoever reads it */
    read(): Left | null;
    /** It could not be taken up, and is left to whoever tries next. */
    release(): void;
    /** It has been taken up. */
    forget(): void;
}
