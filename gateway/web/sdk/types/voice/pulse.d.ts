export declare class Pulse {
    #private;
    options: {
        ping: () => void;
        onSilent: () => void;
    };
    /**
     * @param {object} options
     * @param {() => void} options.ping
     * @param {() => void} options.onSilent no pong has come
     */
    constructor(options: {
        ping: () => void;
        onSilent: () => void;
    });
    /** Pings after a while. */
    begin(): void;
    /** The pong has come. */
    hear(): void;
    /** Pings at once, and is less patient. */
    probe(): void;
    /** @param {() => void} act once nothing speaks against the socket; not at all if it is stopped before */
    whenSure(act: () => void): void;
    stop(): void;
}
