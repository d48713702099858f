import { Peer } from "./peer.js";
export type MediaOptions = {
    microphone: MediaStream;
    configuration: RTCConfiguration;
    /**
     * made ahead, and configured; else one is made
     */
    peer?: Peer;
    /**
     * plays the call; made, and removed in the end, unless given
     */
    element?: HTMLAudioElement;
    /**
     * one that has been made for an earlier connection of the call
     */
    made?: HTMLAudioElement;
    /**
     * null at the end of candidates
     */
    onCandidate: (candidate: RTCIceCandidateInit | null) => void;
    onState: (state: RTCPeerConnectionState) => void;
    /**
     * a digit went out as an RFC 4733 event
     */
    onTone: (digit: string) => void;
    /**
     * the browser refuses to play without a click
     */
    onBlocked: (blocked: boolean) => void;
    /**
     * unplugged, or taken away by the system
     */
    onMicrophoneLost: () => void;
    /**
     * there is not one candidate of ours
     */
    onNoWay: () => void;
};
/**
 * @typedef {object} MediaOptions
 * @property {MediaStream} microphone
 * @property {RTCConfiguration} configuration
 * @property {Peer} [peer] made ahead, and configured; else one is made
 * @property {HTMLAudioElement} [element] plays the call; made, and removed in the end, unless given
 * @property {HTMLAudioElement} [made] one that has been made for an earlier connection of the call
 * @property {(candidate: RTCIceCandidateInit | null) => void} onCandidate null at the end of candidates
 * @property {(state: RTCPeerConnectionState) => void} onState
 * @property {(digit: string) => void} onTone a digit went out as an RFC 4733 event
 * @property {(blocked: boolean) => void} onBlocked the browser refuses to play without a click
 * @property {() => void} onMicrophoneLost unplugged, or taken away by the system
 * @property {() => void} onNoWay there is not one candidate of ours
 */
export declare class Media {
    #private;
    options: MediaOptions;
    rtc: RTCPeerConnection;
    remote: MediaStream;
    element: HTMLAudioElement;
    /** @param {MediaOptions} options */
    constructor(options: MediaOptions);
    get microphone(): MediaStream;
    /** Why STUN and TURN servers were of no use; empty if none complained. */
    get refusals(): string;
    get muted(): boolean;
    /** @returns {Promise<RTCSessionDescriptionInit>} with the candidates that are known by now: the others trickle */
    createOffer(): Promise<RTCSessionDescriptionInit>;
    /** To be called once the offer is on its way: lets our candidates follow it. */
    releaseCandidates(): void;
    /** @param {RTCSessionDescriptionInit} answer */
    setAnswer(answer: RTCSessionDescriptionInit): Promise<void>;
    /** @param {RTCIceCandidateInit | null} candidate */
    addCandidate(candidate: RTCIceCandidateInit | null): Promise<void>;
    /** @param {boolean} muted */
    mute(muted: boolean): void;
    /**
     * Without a new offer: the track is swapped under the sender. The old microphone is closed; the new one,
     * if the connection is by then.
     *
     * @param {MediaStream} microphone
     */
    replaceMicrophone(microphone: MediaStream): Promise<void>;
    /** @param {string} id of an audio output; "" is the default one */
    setSinkId(id: string): Promise<void>;
    /**
     * As RFC 4733 events in the audio stream, behind those still waiting.
     *
     * @param {string} digits
     * @param {number} duration ms
     * @param {number} gap ms
     * @returns {boolean} false when the answer has no telephone-event
     */
    insertDigits(digits: string, duration: number, gap: number): boolean;
    /** @returns {string} the digits that have not begun, and are not sent any more */
    withdrawDigits(): string;
    close(): void;
    /** Closes the connection alone: microphone and element go on with another one. */
    release(): void;
}
