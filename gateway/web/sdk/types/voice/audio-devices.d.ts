/**
 * The microphones and speakers of the computer, which come and go with their cables: what there is, and
 * what the person has chosen for calls. Browsers tell their names once a microphone is permitted.
 */
import { Emitter } from "./emitter.js";
export type Call = import("./call.js").Call;
export type Device = Pick<MediaDeviceInfo, "deviceId" | "label">;
export type AudioEvents = {
    /**
     * something was plugged in, or pulled out: then it is named here
     */
    deviceChange: [lost: Device[]];
};
/** @extends {Emitter<AudioEvents>} */
export declare class AudioDevices extends Emitter<AudioEvents> {
    #private;
    calls: () => Call[];
    /** The speaker on which calls ring that come in; "" is that of the calls. */
    ringtoneOutput: string;
    /**
     * @param {() => Call[]} calls those that have sound
     * @param {AbortSignal} signal
     */
    constructor(calls: () => Call[], signal: AbortSignal);
    /** Microphones, as they were last looked at. */
    get inputs(): Device[];
    /** Speakers; none where the browser does not let a page choose one. */
    get outputs(): Device[];
    /** The chosen microphone; "" is the default one. */
    get input(): string;
    /** The chosen speaker; "" is the default one. */
    get output(): string;
    /** As Twilio's. */
    get availableInputDevices(): Map<string, Device>;
    /** As Twilio's. */
    get availableOutputDevices(): Map<string, Device>;
    /** As Twilio's. */
    get isOutputSelectionSupported(): boolean;
    /** As Twilio's. */
    get speakerDevices(): {
        get: () => Set<Device>;
        set: (ids: string | string[]) => Promise<void>;
    };
    /** As Twilio's: where calls ring that come in. */
    get ringtoneDevices(): {
        get: () => Set<Device>;
        set: (ids: string | string[]) => Promise<void>;
    };
    /**
     * What a microphone is opened with. Not `ideal`, for which Chromium takes the default one.
     *
     * @returns {MediaTrackConstraints}
     */
    get constraints(): MediaTrackConstraints;
    /** Looks again what there is. */
    refresh(): Promise<void>;
    /**
     * Takes this microphone, for the call that runs and for later ones.
     *
     * @param {string} id "" is the default one
     * @throws {CallError} `microphone-…`, without a call `microphone-not-found`; all stays as it was
     */
    setInputDevice(id: string): Promise<void>;
    /** As Twilio's. */
    unsetInputDevice(): Promise<void>;
    /**
     * Takes this speaker, for the call that runs and for later ones.
     *
     * @param {string} id "" is the default one
     * @throws {CallError} `speaker-failed`, `unsupported`
     */
    setOutputDevice(id: string): Promise<void>;
    /** @param {Call} call whose sound begins, or has to go elsewhere */
    follow(call: Call): void;
}
