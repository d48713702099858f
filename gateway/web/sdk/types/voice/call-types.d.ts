/** What a call says and what it is made of. Types only: browsers never load this file. */
export {};
export type Call = import("./call.js").Call;
export type CallError = import("./errors.js").CallError;
export type CallState = "pending" | "connecting" | "ringing" | "open" | "closed";
export type CallEnd = import("./errors.js").CallEnd;
export type Sample = import("./quality.js").Sample;
export type Quality = import("./quality.js").Quality;
export type Codecs = {
    browser: string;
    trunk: string;
};
export type CallEvents = {
    state: [state: CallState, previous: CallState];
    ringing: [hasEarlyMedia: boolean];
    /**
     * the other side has picked up, or hears this one
     */
    accept: [call: Call];
    mute: [muted: boolean, call: Call];
    /**
     * by this side, or by the other one
     */
    held: [by: "local" | "remote", call: Call];
    /**
     * the other side may still hold the call
     */
    resumed: [by: "local" | "remote", call: Call];
    /**
     * what the new phone says meanwhile
     */
    transferprogress: [stage: import("./requests.js").Stage];
    /**
     * the other side hands this one
     * over to somebody else, and that phone says so
     */
    redirecting: [redirection: import("./requests.js").Redirection, call: Call];
    /**
     * this side talks to them now
     */
    redirected: [redirection: import("./requests.js").Redirection, call: Call];
    /**
     * all is as it was
     */
    redirectfailed: [redirection: import("./requests.js").Redirection, call: Call];
    dtmf: [digit: string, info: {
        direction: "sent" | "received";
        duration: number | null;
    }];
    /**
     * 0 to 1 each, 15 times a second
     */
    volume: [input: number, output: number];
    /**
     * once a second, what the browser sees
     */
    sample: [sample: Sample];
    /**
     * every two seconds, what the gateway sees
     */
    quality: [quality: Quality];
    warning: [name: string, data: object];
    "warning-cleared": [name: string];
    /**
     * the gateway, or the audio, is lost for now; the call lives on
     */
    reconnecting: [error: CallError, call: Call];
    reconnected: [call: Call];
    /**
     * the caller gave up, or an incoming call was answered elsewhere
     */
    cancel: [call: Call, end: CallEnd];
    /**
     * refused by whoever was called, the trunk or the gateway
     */
    reject: [call: Call, end: CallEnd];
    error: [error: CallError, call: Call];
    /**
     * always the last event, and always once
     */
    disconnect: [call: Call, end: CallEnd];
    /**
     * as JsSIP's, as are those below: `originator` is `local`, `remote` or
     * `gateway`, and `cause` a word of ours
     */
    progress: [data: {
        originator: string;
    }];
    accepted: [data: {
        originator: string;
    }];
    confirmed: [data: {
        originator: string;
    }];
    /**
     * of a call that was answered
     */
    ended: [data: {
        originator: string;
        cause: string;
    }];
    /**
     * of one that was not
     */
    failed: [data: {
        originator: string;
        cause: string;
    }];
    transferred: [data: {
        originator: string;
        cause: string;
    }];
    hold: [data: {
        originator: string;
    }];
    unhold: [data: {
        originator: string;
    }];
    muted: [data: {
        audio: true;
        video: false;
    }];
    unmuted: [data: {
        audio: true;
        video: false;
    }];
    newDTMF: [data: {
        originator: string;
        dtmf: {
            tone: string;
            duration: number | null;
        };
    }];
};
export type Emit = <K extends keyof CallEvents>(event: K, ...args: CallEvents[K]) => void;
export type Source = {
    microphone: MediaStream;
    /**
     * by which it was opened
     */
    audio?: MediaTrackConstraints;
    configuration: RTCConfiguration;
    /**
     * made ahead, and configured
     */
    peer?: import("./peer.js").Peer;
};
export type AcceptOptions = {
    /**
     * for this call, over those of the device
     */
    audio?: MediaTrackConstraints;
    /**
     * plays the call, instead of one that is made and removed
     */
    element?: HTMLAudioElement;
};
export type Restored = {
    /**
     * by the gateway: `state`, `direction`, `answeredMs` and more
     */
    known: import("./frames.js").Frame;
    muted: boolean;
};
export type CallSetup = {
    signaling: import("./signaling.js").Signaling;
    /**
     * of an outgoing call
     */
    source?: Source;
    /**
     * of an incoming call: the gateway's
     */
    id?: string;
    /**
     * gets the source of an incoming call
     */
    prepare?: (audio: MediaTrackConstraints, over: AbortSignal) => Promise<Source>;
    /**
     * what another connection of the call is made with
     */
    configure: () => Promise<RTCConfiguration>;
    /**
     * a call of an earlier page
     */
    restored?: Restored;
    audio?: MediaTrackConstraints;
    element?: HTMLAudioElement;
    to: string;
    from?: string;
    displayName?: string;
    headers?: Record<string, string>;
};
/** @typedef {import("./call.js").Call} Call */
/** @typedef {import("./errors.js").CallError} CallError */
/** @typedef {"pending" | "connecting" | "ringing" | "open" | "closed"} CallState */
/** @typedef {import("./errors.js").CallEnd} CallEnd */
/** @typedef {import("./quality.js").Sample} Sample */
/** @typedef {import("./quality.js").Quality} Quality */
/** @typedef {{ browser: string, trunk: string }} Codecs */
/**
 * @typedef {object} CallEvents
 * @property {[state: CallState, previous: CallState]} state
 * @property {[hasEarlyMedia: boolean]} ringing
 * @property {[call: Call]} accept the other side has picked up, or hears this one
 * @property {[muted: boolean, call: Call]} mute
 * @property {[by: "local" | "remote", call: Call]} held by this side, or by the other one
 * @property {[by: "local" | "remote", call: Call]} resumed the other side may still hold the call
 * @property {[stage: import("./requests.js").Stage]} transferprogress what the new phone says meanwhile
 * @property {[redirection: import("./requests.js").Redirection, call: Call]} redirecting the other side hands this one
 *   over to somebody else, and that phone says so
 * @property {[redirection: import("./requests.js").Redirection, call: Call]} redirected this side talks to them now
 * @property {[redirection: import("./requests.js").Redirection, call: Call]} redirectfailed all is as it was
 * @property {[digit: string, info: { direction: "sent" | "received", duration: number | null }]} dtmf
 * @property {[input: number, output: number]} volume 0 to 1 each, 15 times a second
 * @property {[sample: Sample]} sample once a second, what the browser sees
 * @property {[quality: Quality]} quality every two seconds, what the gateway sees
 * @property {[name: string, data: object]} warning
 * @property {[name: string]} warning-cleared
 * @property {[error: CallError, call: Call]} reconnecting the gateway, or the audio, is lost for now; the call lives on
 * @property {[call: Call]} reconnected
 * @property {[call: Call, end: CallEnd]} cancel the caller gave up, or an incoming call was answered elsewhere
 * @property {[call: Call, end: CallEnd]} reject refused by whoever was called, the trunk or the gateway
 * @property {[error: CallError, call: Call]} error
 * @property {[call: Call, end: CallEnd]} disconnect always the last event, and always once
 * @property {[data: { originator: string }]} progress as JsSIP's, as are those below: `originator` is `local`, `remote` or
 *   `gateway`, and `cause` a word of ours
 * @property {[data: { originator: string }]} accepted
 * @property {[data: { originator: string }]} confirmed
 * @property {[data: { originator: string, cause: string }]} ended of a call that was answered
 * @property {[data: { originator: string, cause: string }]} failed of one that was not
 * @property {[data: { originator: string, cause: string }]} transferred
 * @property {[data: { originator: string }]} hold
 * @property {[data: { originator: string }]} unhold
 * @property {[data: { audio: true, video: false }]} muted
 * @property {[data: { audio: true, video: false }]} unmuted
 * @property {[data: { originator: string, dtmf: { tone: string, duration: number | null } }]} newDTMF
 */
/** @typedef {<K extends keyof CallEvents>(event: K, ...args: CallEvents[K]) => void} Emit says an event of the call */
/**
 * @typedef {object} Source what a connection is made of
 * @property {MediaStream} microphone
 * @property {MediaTrackConstraints} [audio] by which it was opened
 * @property {RTCConfiguration} configuration
 * @property {import("./peer.js").Peer} [peer] made ahead, and configured
 */
/**
 * @typedef {object} AcceptOptions
 * @property {MediaTrackConstraints} [audio] for this call, over those of the device
 * @property {HTMLAudioElement} [element] plays the call, instead of one that is made and removed
 */
/**
 * @typedef {object} Restored what is known of a call of an earlier page
 * @property {import("./frames.js").Frame} known by the gateway: `state`, `direction`, `answeredMs` and more
 * @property {boolean} muted
 */
/**
 * @typedef {object} CallSetup
 * @property {import("./signaling.js").Signaling} signaling
 * @property {Source} [source] of an outgoing call
 * @property {string} [id] of an incoming call: the gateway's
 * @property {(audio: MediaTrackConstraints, over: AbortSignal) => Promise<Source>} [prepare] gets the source of an incoming call
 * @property {() => Promise<RTCConfiguration>} configure what another connection of the call is made with
 * @property {Restored} [restored] a call of an earlier page
 * @property {MediaTrackConstraints} [audio]
 * @property {HTMLAudioElement} [element]
 * @property {string} to
 * @property {string} [from]
 * @property {string} [displayName]
 * @property {Record<string, string>} [headers]
 */
