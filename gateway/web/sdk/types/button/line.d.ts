/**
 * The element's telephone line: one call at a time, through the public surface of the client. It tells
 * what happens in the words of `model.js`, and knows nothing of what is shown.
 */
import { Device } from "../voice/device.js";
import { CallError } from "../voice/errors.js";
import { Reachable } from "./reachable.js";
export type Call = import("../voice-client.js").Call;
export type CallEnd = import("../voice-client.js").CallEnd;
export type ConnectOptions = import("../voice-client.js").ConnectOptions;
export type Happening = import("./model.js").Happening;
export type LineOptions = {
    device: import("../voice-client.js").DeviceOptions & {
        language: string;
    };
    element: HTMLAudioElement;
    happen: (event: Happening) => void;
    /**
     * what a page may want to know
     */
    tell: (call: Call | null, event: string, detail: object) => void;
    /**
     * an error that does not end the call,
     * after the sentence of what it has come to
     */
    explain: (error: CallError, outcome?: string) => string;
    showLevels: (input: number, output: number) => void;
    showDigit: (digit: string) => void;
    /**
     * there are others
     */
    onDevices: () => void;
    /**
     * whether a call that comes in finds nobody talking
     */
    mayRing: () => boolean;
};
/**
 * @typedef {object} LineOptions
 * @property {import("../voice-client.js").DeviceOptions & { language: string }} device
 * @property {HTMLAudioElement} element
 * @property {(event: Happening) => void} happen
 * @property {(call: Call | null, event: string, detail: object) => void} tell what a page may want to know
 * @property {(error: CallError, outcome?: string) => string} explain an error that does not end the call,
 *   after the sentence of what it has come to
 * @property {(input: number, output: number) => void} showLevels
 * @property {(digit: string) => void} showDigit
 * @property {() => void} onDevices there are others
 * @property {() => boolean} mayRing whether a call that comes in finds nobody talking
 */
export declare class Line {
    #private;
    options: LineOptions;
    device: Device;
    reachable: Reachable;
    /** @type {Call | null} the present call, or the last one */
    call: Call | null;
    /** @type {CallError | null} why the last call failed */
    error: CallError | null;
    /** @type {Set<"hold" | "transfer">} what the gateway has said it does not do */
    missing: Set<"hold" | "transfer">;
    /** @param {LineOptions} options */
    constructor(options: LineOptions);
    /** Whether there is a call, or one is being placed, or may come back. */
    get busy(): boolean;
    /** Whether the token grants it; without one the page has to say so. */
    get canTransfer(): any;
    /**
     * Takes up the call of this page before it was loaded again.
     *
     * @param {MediaTrackConstraints} [audio] of the microphone
     */
    restore(audio?: MediaTrackConstraints): Promise<void>;
    /** Makes ready what takes time. */
    prepare(): void;
    /** @param {string} token for later calls; if the gateway refuses it, the old one counts on */
    useToken(token: string): Promise<void>;
    /** @param {ConnectOptions} parameters */
    dial(parameters: ConnectOptions): Promise<void>;
    /** @param {MediaTrackConstraints} [audio] of the microphone */
    accept(audio?: MediaTrackConstraints): Promise<void>;
    hangUp(): void;
    toggleHold(): Promise<void>;
    /** @param {string} to a number, or under which name other pages are registered */
    transfer(to: string): Promise<void>;
    /**
     * For this call and later ones. The client forgets what is unplugged.
     *
     * @param {"input" | "output"} kind
     * @param {string} id
     */
    choose(kind: "input" | "output", id: string): Promise<void>;
    /**
     * Tells the gateway what the caller thinks of the call. If it does not hear it, nobody is the worse for it.
     *
     * @param {number} score of 1 to 5 stars
     * @param {string} issue
     */
    rate(score: number, issue: string): Promise<void>;
}
