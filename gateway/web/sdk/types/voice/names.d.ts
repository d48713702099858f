export type Call = import("./call.js").Call;
export type AcceptOptions = import("./call-types.js").AcceptOptions;
export type Device = import("./device.js").Device;
export type ToneOptions = import("./digits.js").DigitOptions & {
    interToneGap?: number;
};
export type Stage = import("./requests.js").Stage;
export type Status = "pending" | "connecting" | "ringing" | "open" | "reconnecting" | "closed";
export type CallNames = {
    answer: (options?: AcceptOptions) => Promise<void>;
    decline: (options?: {
        code?: 480 | 486 | 603;
    }) => void;
    /**
     * lets it ring at other pages; the caller hears nothing of it
     */
    ignore: () => void;
    hangup: () => void;
    terminate: () => void;
    unmute: () => void;
    toggleMute: () => void;
    muteAudio: () => void;
    unmuteAudio: () => void;
    toggleAudioMute: () => void;
    unhold: () => Promise<void>;
    toggleHold: () => Promise<void>;
    isOnHold: () => {
        local: boolean;
        remote: boolean;
    };
    isInProgress: () => boolean;
    isEstablished: () => boolean;
    isEnded: () => boolean;
    sendDTMF: (digits: string | number, options?: ToneOptions) => void;
    dtmf: (digits: string | number, options?: ToneOptions) => void;
    refer: (target: string | Call | {
        identity: string;
    }) => Promise<Stage>;
    attendedTransfer: (target: Call) => Promise<Stage>;
    setAudioInDevice: (id: string) => Promise<void>;
    setAudioOutDevice: (id: string) => Promise<void>;
    getLocalStream: () => MediaStream | null;
    getRemoteStream: () => MediaStream | null;
    status: () => Status;
};
/** @typedef {import("./call.js").Call} Call */
/** @typedef {import("./call-types.js").AcceptOptions} AcceptOptions */
/** @typedef {import("./device.js").Device} Device */
/** @typedef {import("./digits.js").DigitOptions & { interToneGap?: number }} ToneOptions */
/** @typedef {import("./requests.js").Stage} Stage */
/** @typedef {"pending" | "connecting" | "ringing" | "open" | "reconnecting" | "closed"} Status */
/**
 * @typedef {object} CallNames
 * @property {(options?: AcceptOptions) => Promise<void>} answer
 * @property {(options?: { code?: 480 | 486 | 603 }) => void} decline
 * @property {() => void} ignore lets it ring at other pages; the caller hears nothing of it
 * @property {() => void} hangup
 * @property {() => void} terminate
 * @property {() => void} unmute
 * @property {() => void} toggleMute
 * @property {() => void} muteAudio
 * @property {() => void} unmuteAudio
 * @property {() => void} toggleAudioMute
 * @property {() => Promise<void>} unhold
 * @property {() => Promise<void>} toggleHold
 * @property {() => { local: boolean, remote: boolean }} isOnHold
 * @property {() => boolean} isInProgress
 * @property {() => boolean} isEstablished
 * @property {() => boolean} isEnded
 * @property {(digits: string | number, options?: ToneOptions) => void} sendDTMF
 * @property {(digits: string | number, options?: ToneOptions) => void} dtmf
 * @property {(target: string | Call | { identity: string }) => Promise<Stage>} refer
 * @property {(target: Call) => Promise<Stage>} attendedTransfer
 * @property {(id: string) => Promise<void>} setAudioInDevice
 * @property {(id: string) => Promise<void>} setAudioOutDevice
 * @property {() => MediaStream | null} getLocalStream
 * @property {() => MediaStream | null} getRemoteStream
 * @property {() => Status} status
 */
/** @type {{ [K in keyof CallNames]: (call: Call, ...args: Parameters<CallNames[K]>) => ReturnType<CallNames[K]> }} */
export declare const CALL_NAMES: { [K in keyof CallNames]: (call: Call, ...args: Parameters<CallNames[K]>) => ReturnType<CallNames[K]>; };
export type Telnyx = {
    destinationNumber: string;
    callerNumber?: string;
    callerName?: string;
    /**
     * `X-…` only
     */
    customHeaders?: {
        name: string;
        value: string;
    }[];
    micId?: string;
    remoteElement?: HTMLAudioElement;
};
export type DeviceNames = {
    call: (to: string, options?: Omit<import("./connect-options.js").ConnectOptions, "to">) => Promise<Call>;
    newCall: (options: Telnyx) => Promise<Call>;
    terminateSessions: () => void;
    isRegistered: () => boolean;
};
/**
 * @typedef {object} Telnyx what its `newCall` takes
 * @property {string} destinationNumber
 * @property {string} [callerNumber]
 * @property {string} [callerName]
 * @property {{ name: string, value: string }[]} [customHeaders] `X-…` only
 * @property {string} [micId]
 * @property {HTMLAudioElement} [remoteElement]
 */
/**
 * @typedef {object} DeviceNames
 * @property {(to: string, options?: Omit<import("./connect-options.js").ConnectOptions, "to">) => Promise<Call>} call
 * @property {(options: Telnyx) => Promise<Call>} newCall
 * @property {() => void} terminateSessions
 * @property {() => boolean} isRegistered
 */
/** @type {{ [K in keyof DeviceNames]: (device: Device, ...args: Parameters<DeviceNames[K]>) => ReturnType<DeviceNames[K]> }} */
export declare const DEVICE_NAMES: { [K in keyof DeviceNames]: (device: Device, ...args: Parameters<DeviceNames[K]>) => ReturnType<DeviceNames[K]>; };
export type CallEnd = import("./errors.js").CallEnd;
export type EventName = readonly [string, (of: any, ...args: any[]) => object | boolean];
/** Events of JsSIP's sessions. @type {Readonly<Record<string, EventName>>} */
export declare const CALL_EVENTS: Readonly<Record<string, EventName>>;
/** Events of JsSIP's user agent. @type {Readonly<Record<string, EventName>>} */
export declare const DEVICE_EVENTS: Readonly<Record<string, EventName>>;
export declare const CALL_STATES: {
    readonly Closed: "closed";
    readonly Connecting: "connecting";
    readonly Open: "open";
    readonly Pending: "pending";
    readonly Reconnecting: "reconnecting";
    readonly Ringing: "ringing";
};
export declare const DEVICE_STATES: {
    readonly Destroyed: "destroyed";
    readonly Registered: "registered";
    readonly Registering: "registering";
    readonly Unregistered: "unregistered";
};
export declare const DEVICE_EVENT_NAMES: {
    readonly Destroyed: "destroyed";
    readonly Registered: "registered";
    readonly Registering: "registering";
    readonly Unregistered: "unregistered";
    readonly Error: "error";
    readonly Incoming: "incoming";
    readonly TokenWillExpire: "tokenWillExpire";
};
/**
 * @template {new (...args: any[]) => object} Base
 * @param {Base} base
 * @param {Record<string, (object: any, ...args: any[]) => unknown>} names
 * @returns {any} a class that has them besides
 */
export declare function named<Base extends new (...args: any[]) => object>(base: Base, names: Record<string, (object: any, ...args: any[]) => unknown>): any;
