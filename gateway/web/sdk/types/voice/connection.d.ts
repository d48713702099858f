/**
 * The audio connection of a call: the gateway's answer and candidates, the wait until sound can flow,
 * and what is measured and wrong on it. It sends no frames and knows no call state.
 */
import { CallError } from "./errors.js";
import { Media } from "./media.js";
export type ConnectionOptions = {
    microphone: MediaStream;
    configuration: RTCConfiguration;
    /**
     * made ahead, and configured
     */
    peer?: import("./peer.js").Peer;
    audio?: MediaTrackConstraints;
    element?: HTMLAudioElement;
    /**
     * of an earlier connection
     */
    made?: HTMLAudioElement;
    /**
     * whether silence on the wire deserves a warning
     */
    expectsAudio: () => boolean;
    /**
     * one of ours
     */
    onCandidate: (candidate: RTCIceCandidateInit | null) => void;
    onTone: (digit: string) => void;
    onVolume: (input: number, output: number) => void;
    onSample: (sample: import("./quality.js").Sample) => void;
    /**
     * for the gateway
     */
    onReport: (report: object[]) => void;
    /**
     * each change once
     */
    onWarning: (name: string, active: boolean, data: object) => void;
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
/**
 * @typedef {object} ConnectionOptions
 * @property {MediaStream} microphone
 * @property {RTCConfiguration} configuration
 * @property {import("./peer.js").Peer} [peer] made ahead, and configured
 * @property {MediaTrackConstraints} [audio]
 * @property {HTMLAudioElement} [element]
 * @property {HTMLAudioElement} [made] of an earlier connection
 * @property {() => boolean} expectsAudio whether silence on the wire deserves a warning
 * @property {(candidate: RTCIceCandidateInit | null) => void} onCandidate one of ours
 * @property {(digit: string) => void} onTone
 * @property {(input: number, output: number) => void} onVolume
 * @property {(sample: import("./quality.js").Sample) => void} onSample
 * @property {(report: object[]) => void} onReport for the gateway
 * @property {(name: string, active: boolean, data: object) => void} onWarning each change once
 * @property {(error: CallError) => void} onError it does not end the connection
 * @property {(error: CallError) => void} onFailed there is no connection, or no longer
 * @property {() => void} onConnected
 * @property {() => void} onDoubt it is interrupted, and may come back
 */
export declare class Connection {
    #private;
    options: ConnectionOptions;
    media: Media;
    /** @param {ConnectionOptions} options */
    constructor(options: ConnectionOptions);
    /** To be called once the offer has left: candidates follow it, and sound is measured. */
    offered(): void;
    get answered(): boolean;
    /** @param {unknown} answer the first one counts */
    answer(answer: unknown): Promise<void>;
    /** @param {unknown} candidate one of the gateway's */
    addCandidate(candidate: unknown): Promise<void>;
    /** @param {string} id of an audio input; "" is the default one */
    setInputDevice(id: string): Promise<void>;
    close(): void;
    /** Closes the connection alone: microphone and element go on with another one. */
    release(): void;
}
