import { Emitter } from "./emitter.js";
export type AcceptOptions = import("./call-types.js").AcceptOptions;
export type CallEvents = import("./call-types.js").CallEvents;
export type CallSetup = import("./call-types.js").CallSetup;
export type Emit = import("./call-types.js").Emit;
export type CallEnd = import("./errors.js").CallEnd;
export type Frame = import("./frames.js").Frame;
/** @typedef {import("./call-types.js").AcceptOptions} AcceptOptions */
/** @typedef {import("./call-types.js").CallEvents} CallEvents */
/** @typedef {import("./call-types.js").CallSetup} CallSetup */
/** @typedef {import("./call-types.js").Emit} Emit */
/** @typedef {import("./errors.js").CallEnd} CallEnd */
/** @typedef {import("./frames.js").Frame} Frame */
/** What a call emits, and what others call that which it does. */
declare const Base: new () => Emitter<CallEvents> & import("./names.js").CallNames;
export declare class Call extends Base {
    #private;
    /** @type {"outgoing" | "incoming"} */
    direction: "outgoing" | "incoming";
    id: string;
    to: string;
    from: string | null;
    displayName: string | null;
    headers: Readonly<{
        [x: string]: string;
    }>;
    /** As Twilio's: the words of `status()`. */
    static State: {
        readonly Closed: "closed";
        readonly Connecting: "connecting";
        readonly Open: "open";
        readonly Pending: "pending";
        readonly Reconnecting: "reconnecting";
        readonly Ringing: "ringing";
    };
    /**
     * Calls are made by `Device.connect`, and by the gateway where the device is registered.
     *
     * @param {CallSetup} setup
     */
    constructor(setup: CallSetup);
    /** As Twilio's: who calls whom, by its names. */
    get parameters(): {
        CallSid: string;
        From: string;
        To: string;
    };
    /** As Twilio's: the SIP headers of the call. */
    get customParameters(): Map<string, string>;
    get state(): import("./call-types.js").CallState;
    /** Codec of either leg, once the call was answered. */
    get codec(): import("./call-types.js").Codecs | null;
    /** How the call ended; null while it lives. */
    get end(): import("./errors.js").CallEnd | null;
    /** Since the answer; stands still after the end. */
    get durationMs(): number;
    /** The element that plays the call; null before an incoming call is accepted, as the streams are. */
    get audioElement(): HTMLAudioElement | null;
    get localStream(): MediaStream | null;
    get remoteStream(): MediaStream | null;
    /** Who holds the call: `{ local, remote }`. Both sides may at once. */
    get held(): {
        local: boolean;
        remote: boolean;
    };
    /** Whether this page has the call: it has placed it, or takes it. */
    get taken(): boolean;
    /** Whether the gateway or the audio is lost for now. */
    get reconnecting(): boolean;
    /** Sends the offer of an outgoing call; candidates follow as they are found. */
    start(): Promise<void>;
    /** Brings the audio of a call of an earlier page back. */
    recover(): void;
    /**
     * Takes an incoming call. Resolves when the offer is on its way; the call is `open` with the event
     * `accept`, unless another page was first. A second time is harmless.
     *
     * @param {AcceptOptions} [options]
     * @throws {CallError} whatever hinders it before that. If it is not `fatal`, the call rings on:
     *   the microphone can be allowed, and `accept` tried again
     */
    accept(options?: AcceptOptions): Promise<void>;
    /**
     * Refuses an incoming call on this page; it rings on at the others of the same identity.
     *
     * @param {{ code?: 480 | 486 | 603 }} [options] what the caller is told, if this page was the last one
     * @throws {CallError} `invalid-argument`, `invalid-state` (not ringing, or not here)
     */
    reject({ code }?: {
        code?: 480 | 486 | 603;
    }): void;
    /**
     * Hangs up, gives up while the phone still rings, or rejects. Harmless when the call is over.
     *
     * @param {string} [cause]
     */
    disconnect(cause?: string): void;
    /** @param {boolean} [muted] */
    mute(muted?: boolean): void;
    isMuted(): boolean;
    /**
     * Puts the call on hold: the other side hears what the gateway plays, and nothing of this page.
     *
     * @returns {Promise<void>} once the other side's phone has taken it
     * @throws {CallError} `hold-refused` and others, none of which ends the call
     */
    hold(): Promise<void>;
    /**
     * Takes the call back from hold; that the other side holds it stays as it is.
     *
     * @returns {Promise<void>}
     * @throws {CallError} `resume-refused` and others, none of which ends the call
     */
    resume(): Promise<void>;
    /**
     * Hands the other side over to a number, to the other side of another call of this device, or to
     * another page: the first of an identity that accepts.
     *
     * @param {string | Call | { identity: string }} target
     * @returns {Promise<import("./requests.js").Stage>} how the new phone answered; then this call ends
     * @throws {CallError} `transfer-failed` and others, with the `sipCode` of the new phone; the call goes on
     */
    transfer(target: string | Call | {
        identity: string;
    }): Promise<import("./requests.js").Stage>;
    /**
     * Sends DTMF: in the audio stream (RFC 4733) where the gateway agreed to that, else as a message.
     * Digits queue behind those still being sent.
     *
     * @param {string} digits 0-9, A-D, * and #, and the pauses "," (2 s) and "w" (half a second), up to 64 of them
     * @param {import("./digits.js").DigitOptions} [options] 100 ms and 70 ms unless given
     * @throws {CallError} `invalid-argument`, `invalid-state` (neither ringing nor open)
     */
    sendDigits(digits: string, options?: import("./digits.js").DigitOptions): void;
    /**
     * @param {string} id of an audio input, from navigator.mediaDevices.enumerateDevices(); "" is the default one
     * @throws {CallError} `microphone-…`; the call goes on with the old one
     */
    setInputDevice(id: string): Promise<void>;
    /** @param {string} id of an audio output; "" is the default one */
    setSinkId(id: string): Promise<void>;
    /** @returns {Promise<RTCStatsReport>} */
    getStats(): Promise<RTCStatsReport>;
    /**
     * Tells whoever runs the gateway how the call was, while it runs or within minutes after its end. A
     * second time takes the first one's place; without a score nothing is told.
     *
     * @param {1 | 2 | 3 | 4 | 5} [score] 1 is bad
     * @param {string} [issue] what was wrong, in up to 1000 characters
     * @returns {Promise<void>} once the gateway has it
     * @throws {CallError} `invalid-argument`, or why the gateway does not have it; never the call's end
     */
    postFeedback(score?: 1 | 2 | 3 | 4 | 5, issue?: string): Promise<void>;
}
export {};
