import { AudioDevices } from "./audio-devices.js";
import { Call } from "./call.js";
import { Emitter } from "./emitter.js";
import { CallError } from "./errors.js";
import { Preflight } from "./preflight.js";
export type ConnectOptions = import("./connect-options.js").ConnectOptions;
export type DeviceOptions = {
    /**
     * of the gateway's WebSocket; by default that of the gateway which served this file
     */
    url?: string;
    /**
     * a call token, or where to get a fresh one
     */
    token?: string | import("./access.js").FetchToken;
    /**
     * gets a fresh call token: for each call, and before one ends
     */
    fetchToken?: import("./access.js").FetchToken;
    /**
     * the proof that a person is at the page, where the gateway asks for one
     */
    challenge?: string | (() => string | Promise<string>);
    /**
     * over echoCancellation, noiseSuppression and autoGainControl: true
     */
    audio?: MediaTrackConstraints;
    /**
     * instead of those that the gateway names
     */
    iceServers?: RTCIceServer[];
    /**
     * of what is said to people, a tag of BCP 47; else that of the document, or of the browser
     */
    language?: string;
    /**
     * at a time; else the next one is refused with `busy-here`
     */
    allowSeveralCalls?: boolean;
    /**
     * else the caller is told 486 while this page has a call
     */
    allowIncomingWhileBusy?: boolean;
    /**
     * the browser asks before a page with a call is left
     */
    closeProtection?: boolean | string;
    /**
     * a tone while the other phone rings and sends
     * no sound: "us", "eu", "uk", …, or a function that says which one for a number; off
     */
    ringback?: string | boolean | ((to: string) => string | boolean);
    /**
     * a tone while a call rings here; off
     */
    ringtone?: boolean;
    /**
     * over a reload of the page, where `restore` takes them up; true
     */
    keepCalls?: boolean;
    /**
     * "relay" to use TURN alone, even where the gateway does not ask for it
     */
    iceTransportPolicy?: RTCIceTransportPolicy;
};
export type DeviceEvents = {
    /**
     * of the session, or of any call
     */
    error: [error: CallError, call: Call | null];
    /**
     * it rings until `accept`, `reject` or its end
     */
    incoming: [call: Call];
    /**
     * calls to this identity come here, also when they do so again
     */
    registered: [identity: string];
    /**
     * no calls come: null where the page wanted it. If the error is
     * not `fatal`, the device tries again
     */
    unregistered: [error: CallError | null];
    /**
     * half a minute before; without `fetchToken` it is time for `updateToken`
     */
    tokenWillExpire: [device: Device, expires: Date];
    /**
     * the gateway goes out of service: calls that run have so long, new ones are
     * refused
     */
    draining: [seconds: number];
    /**
     * the session's connection is lost; its calls live on while it is tried again
     */
    reconnecting: [error: CallError];
    reconnected: [];
    /**
     * a call of this page before it was loaded again
     */
    restored: [call: Call];
    destroyed: [];
};
/**
 * @typedef {object} DeviceOptions
 * @property {string} [url] of the gateway's WebSocket; by default that of the gateway which served this file
 * @property {string | import("./access.js").FetchToken} [token] a call token, or where to get a fresh one
 * @property {import("./access.js").FetchToken} [fetchToken] gets a fresh call token: for each call, and before one ends
 * @property {string | (() => string | Promise<string>)} [challenge] the proof that a person is at the page, where the gateway asks for one
 * @property {MediaTrackConstraints} [audio] over echoCancellation, noiseSuppression and autoGainControl: true
 * @property {RTCIceServer[]} [iceServers] instead of those that the gateway names
 * @property {string} [language] of what is said to people, a tag of BCP 47; else that of the document, or of the browser
 * @property {boolean} [allowSeveralCalls] at a time; else the next one is refused with `busy-here`
 * @property {boolean} [allowIncomingWhileBusy] else the caller is told 486 while this page has a call
 * @property {boolean | string} [closeProtection] the browser asks before a page with a call is left
 * @property {string | boolean | ((to: string) => string | boolean)} [ringback] a tone while the other phone rings and sends
 *   no sound: "us", "eu", "uk", …, or a function that says which one for a number; off
 * @property {boolean} [ringtone] a tone while a call rings here; off
 * @property {boolean} [keepCalls] over a reload of the page, where `restore` takes them up; true
 * @property {RTCIceTransportPolicy} [iceTransportPolicy] "relay" to use TURN alone, even where the gateway does not ask for it
 */
/**
 * @typedef {object} DeviceEvents
 * @property {[error: CallError, call: Call | null]} error of the session, or of any call
 * @property {[call: Call]} incoming it rings until `accept`, `reject` or its end
 * @property {[identity: string]} registered calls to this identity come here, also when they do so again
 * @property {[error: CallError | null]} unregistered no calls come: null where the page wanted it. If the error is
 *   not `fatal`, the device tries again
 * @property {[device: Device, expires: Date]} tokenWillExpire half a minute before; without `fetchToken` it is time for `updateToken`
 * @property {[seconds: number]} draining the gateway goes out of service: calls that run have so long, new ones are
 *   refused
 * @property {[error: CallError]} reconnecting the session's connection is lost; its calls live on while it is tried again
 * @property {[]} reconnected
 * @property {[call: Call]} restored a call of this page before it was loaded again
 * @property {[]} destroyed
 */
/** What a device emits, and what others call that which it does. */
declare const Base: new () => Emitter<DeviceEvents> & import("./names.js").DeviceNames;
export declare class Device extends Base {
    #private;
    language: string;
    url: string;
    /** The computer's microphones and speakers. */
    audio: AudioDevices;
    /**
     * @param {DeviceOptions | string} [given] options; or a call token, if there is one, and then the options
     * @param {DeviceOptions} [more]
     */
    constructor(given?: DeviceOptions | string, more?: DeviceOptions);
    /** Why calls are impossible here (insecure origin, old browser), or null. Asks nobody. */
    static checkSupport(): CallError | null;
    /**
     * Tests the connection before anybody is called: microphone, gateway, the ways for sound, and how it sounds.
     *
     * @param {import("./preflight.js").PreflightOptions | string} [options] or a call token, and then the options
     * @param {import("./preflight.js").PreflightOptions} [more]
     */
    static runPreflight(options?: import("./preflight.js").PreflightOptions | string, more?: import("./preflight.js").PreflightOptions): Preflight;
    /**
     * Another name for `runPreflight`.
     *
     * @param {Parameters<typeof Device.runPreflight>} options
     */
    static runPreCall(...options: Parameters<typeof Device.runPreflight>): Preflight;
    /** As `checkSupport`, in a word. */
    static get isSupported(): boolean;
    /** Whether calls come here: `destroyed`, `unregistered`, `registering` or `registered`. */
    get state(): "destroyed" | "registered" | "registering" | "unregistered";
    /** Calls that are alive, oldest first. */
    get calls(): Call[];
    /** Whether this page has a call, or is placing one. One that rings here is nobody's yet. */
    get isBusy(): boolean;
    get destroyed(): boolean;
    /** The call token that the gateway was told last. @type {string | undefined} */
    get token(): string | undefined;
    /** Under which calls come to this page at this moment, or null. */
    get identity(): string | null;
    /**
     * Takes calls to an identity from now on, by the event `incoming`. Every page under the same identity
     * rings, and the first one that accepts has the call. The device holds its session for it, and makes
     * the registration again where the session is lost.
     *
     * @param {string} [identity] counts where the gateway asks for no tokens; else it is the token's `sub`
     * @returns {Promise<string>} the identity, as the gateway knows it
     * @throws {CallError} the gateway is not there, or refuses it
     */
    register(identity?: string): Promise<string>;
    /**
     * Takes no calls any more. Those that ring or run go on.
     *
     * @throws {CallError} the gateway does not confirm it
     */
    unregister(): Promise<void>;
    /**
     * Takes up the calls that this page had before it was loaded again: each is a new `Call`, in the state
     * that it is in, and gets its audio back. One that rings comes by the event `incoming`.
     *
     * @param {{ audio?: MediaTrackConstraints, element?: HTMLAudioElement }} [options] as of `connect`
     * @returns {Promise<Call[]>} none where there were none, or the gateway has let them go
     */
    restore(options?: {
        audio?: MediaTrackConstraints;
        element?: HTMLAudioElement;
    }): Promise<Call[]>;
    /**
     * Places a call. Resolves when the offer is on its way to the gateway; what happens after that
     * comes as events of the call.
     *
     * @param {ConnectOptions} options
     * @returns {Promise<Call>}
     * @throws {CallError} whatever hinders the call before that: microphone, origin, session
     */
    connect(options: ConnectOptions): Promise<Call>;
    /**
     * Opens the session, and what else a call needs but the microphone, so that a call begins at once: for the
     * moment at which somebody points at the button. Nobody is asked for anything. Without a call all of it is
     * closed after half a minute. What hinders it is told by the call.
     *
     * @returns {Promise<void>} when it is done
     */
    prepare(): Promise<void>;
    /**
     * Calls with this token from now on. A session that is open stays open, and so do its calls.
     *
     * @param {string} token
     * @throws {CallError} `bad-token` and others, if the gateway does not take it; the old one counts on
     */
    updateToken(token: string): Promise<void>;
    disconnectAll(): void;
    /** Ends every call and the session, for good. */
    destroy(): void;
}
export {};
