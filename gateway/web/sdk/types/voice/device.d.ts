/** The page's telephone: what a page may do with it, and what its calls and its session hear of the page. */
import { AudioDevices } from "./audio-devices.js";
import { Emitter } from "./emitter.js";
import { CallError } from "./errors.js";
import { Preflight } from "./preflight.js";
export type Call = import("./call.js").Call;
export type ConnectOptions = import("./connect-options.js").ConnectOptions;
export type DeviceEvents = import("./device-types.js").DeviceEvents;
export type DeviceOptions = import("./device-types.js").DeviceOptions;
export type Emit = import("./device-types.js").Emit;
/** What a device emits, and what others call that which it does. */
declare const Base: new () => Emitter<DeviceEvents> & import("./names.js").DeviceNames;
export declare class Device extends Base {
    #private;
    language: string;
    url: string;
    /** The computer's microphones and speakers. */
    audio: AudioDevices;
    /** As Twilio's: the words of `state`. */
    static State: {
        readonly Destroyed: "destroyed";
        readonly Registered: "registered";
        readonly Registering: "registering";
        readonly Unregistered: "unregistered";
    };
    /** As Twilio's: names of events. */
    static EventName: {
        readonly Destroyed: "destroyed";
        readonly Registered: "registered";
        readonly Registering: "registering";
        readonly Unregistered: "unregistered";
        readonly Error: "error";
        readonly Incoming: "incoming";
        readonly TokenWillExpire: "tokenWillExpire";
    };
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
    get calls(): import("./call.js").Call[];
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
     * that it is in, and gets its audio back. One that rings comes by the event `incoming`. A page that does so
     * keeps its calls for the next time, too: to be asked for each time that the page is loaded.
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
    /**
     * Other options from now on. Those of the connection (`url`, tokens, ICE) are taken when the device is made; what is
     * no option, as some of Twilio's, is left alone.
     *
     * @param {Partial<DeviceOptions>} options
     */
    updateOptions(options: Partial<DeviceOptions>): void;
    disconnectAll(): void;
    /** Ends every call and the session, for good. */
    destroy(): void;
}
export {};
