/**
 * Being reachable: under which identity calls come to this page, and that it stays so. A session ends
 * with the network, with the gateway, or with the computer's sleep, and nobody at the page notices that
 * no calls come any more. So what has succeeded once is made again, with pauses that grow.
 */
import { CallError } from "./errors.js";
export type Signaling = import("./signaling.js").Signaling;
/** @typedef {import("./signaling.js").Signaling} Signaling */
export declare class Registration {
    #private;
    options: {
        session: (check: () => void) => Promise<Signaling>;
        onRegistering: () => void;
        onRegistered: (identity: string) => void;
        onUnregistered: (error: CallError | null) => void;
    };
    /**
     * @param {object} options
     * @param {(check: () => void) => Promise<Signaling>} options.session the present one or a new one, with a token
     *   that counts; `check` throws where it is wanted no longer
     * @param {() => void} options.onRegistering
     * @param {(identity: string) => void} options.onRegistered
     * @param {(error: CallError | null) => void} options.onUnregistered null: the page wanted it;
     *   an error that is not fatal is followed by another try
     */
    constructor(options: {
        session: (check: () => void) => Promise<Signaling>;
        onRegistering: () => void;
        onRegistered: (identity: string) => void;
        onUnregistered: (error: CallError | null) => void;
    });
    /** Under which calls come in at this moment, or null. */
    get identity(): string | null;
    /** Whether it is asked for at this moment. */
    get asking(): boolean;
    /** Whether the page wants calls, though they may not come at this moment. */
    get wanted(): boolean;
    /**
     * @param {string | undefined} identity
     * @returns {Promise<string>} the identity, as the gateway knows it
     * @throws {CallError} what was before counts on; `canceled` by an `unregister` or the device's end meanwhile
     */
    register(identity: string | undefined): Promise<string>;
    /**
     * @param {Signaling | null} signaling the present session
     * @throws {CallError} the gateway does not take it
     */
    unregister(signaling: Signaling | null): Promise<void>;
    /** The gateway has ended it: the token has, or another identity takes its place just now. */
    dropped(): void;
    /** @param {CallError} error why no calls come any more, though the page wants them */
    lost(error: CallError): void;
    /** Tries at once instead of after the pause: the network has come back, or somebody looks at the page. */
    wake(): void;
    close(): void;
}
