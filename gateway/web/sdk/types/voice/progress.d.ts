export type CallState = import("./call-types.js").CallState;
export type Codecs = import("./call-types.js").Codecs;
export type Emit = import("./call-types.js").Emit;
export type CallEnd = import("./errors.js").CallEnd;
export declare class Progress {
    #private;
    emit: import("./call-types.js").Emit;
    /** @param {Emit} emit of the call */
    constructor(emit: Emit);
    get state(): import("./call-types.js").CallState;
    get codec(): import("./call-types.js").Codecs | null;
    get end(): import("./errors.js").CallEnd | null;
    /** Whether the gateway has said anything about the call. */
    get heard(): boolean;
    get answered(): boolean;
    /** Whether the other side can be heard, be it before the answer. */
    get audible(): boolean;
    /** Since the answer; stands still after the end. */
    get durationMs(): number;
    /** @param {() => void} silent the gateway has not said a word in time */
    wait(silent: () => void): void;
    /** The gateway has said something that was no refusal. */
    hear(): void;
    /** @param {CallState} state */
    move(state: CallState): void;
    /** @param {boolean} earlyMedia 180 and 183 may alternate */
    ring(earlyMedia: boolean): void;
    /** @param {unknown} codec of either leg */
    answer(codec: unknown): void;
    /** @param {unknown} codec of either leg, from now on */
    speak(codec: unknown): void;
    /**
     * Goes on with a call of an earlier page.
     *
     * @param {Record<string, unknown>} known by the gateway
     */
    restore({ state, earlyMedia, answeredMs, codec }: Record<string, unknown>): void;
    /** @param {CallEnd} end the state is `closed` by a `move` of its own, once nothing is open any more */
    finish(end: CallEnd): void;
}
