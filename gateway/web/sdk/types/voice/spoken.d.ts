export type Frame = import("./frames.js").Frame;
export declare class Spoken {
    #private;
    /** Whether the gateway may have to be told something still. */
    get open(): boolean;
    /**
     * @param {Frame} frame of a call, that goes into a socket
     * @returns {boolean} whether somebody counts on it
     */
    note(frame: Frame): boolean;
    /** @param {string} call that is over */
    forget(call: string): void;
    /**
     * @param {unknown} heard how many frames of calls the gateway has had; older ones do not say
     * @returns {Frame[]} what it has not heard, and is to
     */
    unheard(heard: unknown): Frame[];
}
