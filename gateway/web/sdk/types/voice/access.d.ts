/**
 * What lets this page call: its token, where a new one comes from, and how long what `welcome` gave
 * is good. It has no socket: sessions come and go, and the token outlives them.
 *
 * A token may be good for one call. So a session's first call goes out with the token that opened it,
 * and each later one with a token that no call has gone out with.
 */
import { CallError } from "./errors.js";
export type Token = string | undefined;
export type TokenAnswer = Token | {
    token: string;
};
export type FetchToken = () => TokenAnswer | Promise<TokenAnswer>;
export type Hello = import("./signaling.js").Hello;
export type Signaling = import("./signaling.js").Signaling;
export type Welcome = import("./frames.js").Welcome;
export type AccessOptions = {
    token?: string | FetchToken;
    fetchToken?: FetchToken;
    challenge?: string | (() => string | Promise<string>);
};
/** @typedef {string | undefined} Token */
/** @typedef {Token | { token: string }} TokenAnswer a token, or as the site's server answers it: JSON is taken as text, too */
/** @typedef {() => TokenAnswer | Promise<TokenAnswer>} FetchToken */
/** @typedef {import("./signaling.js").Hello} Hello */
/** @typedef {import("./signaling.js").Signaling} Signaling */
/** @typedef {import("./frames.js").Welcome} Welcome */
/**
 * @typedef {object} AccessOptions
 * @property {string | FetchToken} [token]
 * @property {FetchToken} [fetchToken]
 * @property {string | (() => string | Promise<string>)} [challenge]
 */
export declare class Access {
    #private;
    /** The token that was said last. @type {Token} */
    current: Token;
    /** @param {AccessOptions} options */
    constructor({ token, fetchToken, challenge }: AccessOptions);
    /** Whether the page has said where new tokens come from. */
    get renews(): boolean;
    /** Whether a new session asks the person at the page for something. */
    get asksPerson(): boolean;
    /**
     * Use this token from now on, in the session that is open as well.
     *
     * @param {string} token
     * @param {Signaling | null} signaling
     * @throws {CallError} the gateway does not take it; the old one counts on
     */
    update(token: string, signaling: Signaling | null): Promise<void>;
    /**
     * Has the token of a new session got, while its socket opens.
     *
     * @returns {() => Promise<Hello>} for when it is open: nobody is asked for a proof that no gateway takes
     */
    greet(): () => Promise<Hello>;
    /**
     * What a new session says in its `hello`.
     *
     * @returns {Promise<Hello>}
     */
    hello(token?: Promise<Token>): Promise<Hello>;
    /**
     * Gives the session a new token, and this page new TURN credentials.
     *
     * @param {Signaling} signaling
     * @throws {CallError} not fatal: the session and its calls live on
     */
    renew(signaling: Signaling): Promise<void>;
    /**
     * Starts a call, with a new token first if another call has gone out with the present one.
     *
     * @param {Signaling} signaling
     * @param {import("./call.js").Call} call
     * @param {(error: CallError) => void} onError there is no new token: the call goes by the old one
     */
    place(signaling: Signaling, call: import("./call.js").Call, onError: (error: CallError) => void): Promise<void>;
    /**
     * Renews in time, and tries again until the old token ends.
     *
     * @param {Signaling} signaling
     * @param {number} expires seconds since the epoch
     * @param {(error: CallError) => void} onError
     */
    renewBefore(signaling: Signaling, expires: number, onError: (error: CallError) => void): Promise<void>;
    /**
     * The session's `welcome`, renewed if what it gave is good no longer: a page may sleep with its
     * computer, and TURN credentials live for minutes.
     *
     * @param {Signaling} signaling
     * @returns {Promise<Welcome>}
     */
    welcome(signaling: Signaling): Promise<Welcome>;
}
/**
 * @param {TokenAnswer} answer
 * @returns {Token}
 * @throws {Error} it has no token in it
 */
export declare function readToken(answer: TokenAnswer): Token;
export declare const NO_TOKEN = "The page could not get a call token.";
