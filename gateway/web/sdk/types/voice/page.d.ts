export declare class Page {
    #private;
    options: {
        onHide: () => void;
        onWake: (event: Event) => void;
        protection: () => boolean | string;
        signal: AbortSignal;
    };
    /**
     * @param {object} options
     * @param {() => void} options.onHide it is left, or loaded again, which nobody can tell by now
     * @param {(event: Event) => void} options.onWake
     * @param {() => boolean | string} options.protection whether the browser asks before a page with a call is left
     * @param {AbortSignal} options.signal
     */
    constructor(options: {
        onHide: () => void;
        onWake: (event: Event) => void;
        protection: () => boolean | string;
        signal: AbortSignal;
    });
    /** @param {boolean} calling whether there is a call: only then a page may keep its visitor for a question */
    protect(calling: boolean): void;
}
