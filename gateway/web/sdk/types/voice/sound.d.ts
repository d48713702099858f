/**
 * The sound of a call: its audio connection, which comes late or twice where an incoming call is
 * accepted again, and what outlives a connection: whether this side is muted, and where digits go.
 */
import { Connection } from "./connection.js";
export type AcceptOptions = import("./call-types.js").AcceptOptions;
export type Emit = import("./call-types.js").Emit;
export type Source = import("./call-types.js").Source;
export type CallError = import("./errors.js").CallError;
export type Tones = ReturnType<typeof import("./digits.js").checkDigits>;
export type SoundOptions = {
    /**
     * of the call
     */
    emit: Emit;
    send: (frame: {
        type: string;
        [field: string]: unknown;
    }) => void;
    /**
     * whether this side holds the call
     */
    held: () => boolean;
    /**
     * whether silence on the wire deserves a warning
     */
    expectsAudio: () => boolean;
    onSample: (sample: import("./quality.js").Sample) => void;
    /**
     * it does not end the connection
     */
    onError: (error: CallError) => void;
    /**
     * there is no connection, or no longer
     */
    onFailed: (error: CallError) => void;
    onConnected: () => void;
    /**
     * it is interrupted, and may come back
     */
    onDoubt: () => void;
};
/** @typedef {import("./call-types.js").AcceptOptions} AcceptOptions */
/** @typedef {import("./call-types.js").Emit} Emit */
/** @typedef {import("./call-types.js").Source} Source */
/** @typedef {import("./errors.js").CallError} CallError */
/** @typedef {ReturnType<typeof import("./digits.js").checkDigits>} Tones */
/**
 * @typedef {object} SoundOptions
 * @property {Emit} emit of the call
 * @property {(frame: { type: string, [field: string]: unknown }) => void} send
 * @property {() => boolean} held whether this side holds the call
 * @property {() => boolean} expectsAudio whether silence on the wire deserves a warning
 * @property {(sample: import("./quality.js").Sample) => void} onSample
 * @property {(error: CallError) => void} onError it does not end the connection
 * @property {(error: CallError) => void} onFailed there is no connection, or no longer
 * @property {() => void} onConnected
 * @property {() => void} onDoubt it is interrupted, and may come back
 */
export declare class Sound {
    #private;
    options: SoundOptions;
    /** @param {SoundOptions} options */
    constructor(options: SoundOptions);
    /** Null before an incoming call is accepted. */
    get connection(): Connection | null;
    get media(): import("./media.js").Media | null;
    get muted(): boolean;
    /**
     * @param {Source} source
     * @param {AcceptOptions & { made?: HTMLAudioElement }} options
     */
    connect(source: Source, { element, made }: AcceptOptions & {
        made?: HTMLAudioElement;
    }): void;
    /**
     * Puts another connection in the place of the one that there is, with the same microphone and element.
     *
     * @param {RTCConfiguration} configuration
     * @param {AcceptOptions} options
     */
    replace(configuration: RTCConfiguration, options: AcceptOptions): void;
    /** Gives the connection up; another may follow. */
    disconnect(): void;
    /** Closes the connection, whose streams can still be looked at. */
    close(): void;
    /** @param {boolean} muted */
    mute(muted: boolean): void;
    /** The microphone is heard unless it is muted, or this side holds the call. */
    silence(): void;
    /** @param {Tones} tones in the audio stream where the gateway agreed to that, else as a message */
    dial(tones: Tones): void;
}
