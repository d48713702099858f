/** What a device is told, and what it says. Types only: browsers never load this file. */
export {};
export type Call = import("./call.js").Call;
export type Device = import("./device.js").Device;
export type CallError = import("./errors.js").CallError;
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
     * a tone while a call rings here; on
     */
    ringtone?: boolean;
    /**
     * over a reload of the page, where `restore` takes them up; else they are hung
     * up. True if the page has called `restore`
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
     * it is asked for
     */
    registering: [];
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
    /**
     * as JsSIP's, of a call that comes in
     */
    newRTCSession: [data: {
        originator: "remote";
        session: Call;
    }];
};
export type Emit = <K extends keyof DeviceEvents>(event: K, ...args: DeviceEvents[K]) => void;
/** @typedef {import("./call.js").Call} Call */
/** @typedef {import("./device.js").Device} Device */
/** @typedef {import("./errors.js").CallError} CallError */
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
 * @property {boolean} [ringtone] a tone while a call rings here; on
 * @property {boolean} [keepCalls] over a reload of the page, where `restore` takes them up; else they are hung
 *   up. True if the page has called `restore`
 * @property {RTCIceTransportPolicy} [iceTransportPolicy] "relay" to use TURN alone, even where the gateway does not ask for it
 */
/**
 * @typedef {object} DeviceEvents
 * @property {[error: CallError, call: Call | null]} error of the session, or of any call
 * @property {[call: Call]} incoming it rings until `accept`, `reject` or its end
 * @property {[]} registering it is asked for
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
 * @property {[data: { originator: "remote", session: Call }]} newRTCSession as JsSIP's, of a call that comes in
 */
/** @typedef {<K extends keyof DeviceEvents>(event: K, ...args: DeviceEvents[K]) => void} Emit says an event of the device */
