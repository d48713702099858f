export type Left = import("./signaling.js").Resumption & {
    muted: string[];
};
/**
 * What a page leaves behind for itself when it is loaded again: the token of its session. It is kept for
 * this tab only, from the moment at which the page goes until the next one has taken it, so that a tab
 * that is duplicated does not take the calls of the first one.
 */
/** @typedef {import("./signaling.js").Resumption & { muted: string[] }} Left `muted`: ids of calls */
export declare class Reload {
    #private;
    /** @param {string} url of the gateway */
    constructor(url: string);
    /**
     * @param {Left} left
     * @param {number} window ms for which it is of use
     */
    leave(left: Left, window: number): void;
    /** @returns {Left | null} what was left */
    read(): Left | null;
    /** It has been taken up. */
    forget(): void;
}
