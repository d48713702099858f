// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * What lets this page call: its token, where a new one comes from, and how long what `welcome` gave
 * is good. It has no socket: sessions come and go, and the token outlives them.
 *
 * A token may be good for one call. So a session's first call goes out with the token that opened it,
 * and each later one with a token that no call has gone out with.
 */

import { CallError } from "./errors.js";

/** Between two renewals: tries that fail, or tokens that live for seconds only. */
const PAUSE = 5_000;

/** A page that never gives a token must not hold up its calls for ever. */
const FETCH_TIMEOUT = 10_000;

/** TURN credentials that end so soon would end before ICE has used them. */
const MARGIN = 15_000;

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

export class Access {
  /** The token that was said last. @type {Token} */
  current;
  /** @type {Token} for the next session; with a function to fetch one, used once */
  #token;
  /** @type {FetchToken | undefined} */
  #fetch;
  #challenge;
  #renewed = -Infinity; // ms since the epoch
  /** @type {WeakMap<Signaling, Promise<unknown>>} what a `welcome` waits for: another one of the session has the same */
  #renewing = new WeakMap();
  /** New tokens and calls, one after the other: a call goes by the token that was said last. */
  #turns = Promise.resolve();

  /** @param {AccessOptions} options */
  constructor({ token, fetchToken, challenge }) {
    this.#token = typeof token === "function" ? undefined : token;
    this.#fetch = fetchToken ?? (typeof token === "function" ? token : undefined);
    this.#challenge = challenge;
  }

  /** Whether the page has said where new tokens come from. */
  get renews() {
    return this.#fetch !== undefined;
  }

  /** Whether a new session asks the person at the page for something. */
  get asksPerson() {
    return typeof this.#challenge === "function";
  }

  /**
   * Use this token from now on, in the session that is open as well.
   *
   * @param {string} token
   * @param {Signaling | null} signaling
   * @throws {CallError} the gateway does not take it; the old one counts on
   */
  async update(token, signaling) {
    const fresh = readToken(token);
    if (signaling) await this.#inTurn(() => this.#say(fresh, signaling));
    if (!signaling || !this.#fetch) this.#token = fresh;
  }

  /**
   * Has the token of a new session got, while its socket opens.
   *
   * @returns {() => Promise<Hello>} for when it is open: nobody is asked for a proof that no gateway takes
   */
  greet() {
    const token = this.#next();
    token.catch(() => {});
    return () => this.hello(token);
  }

  /**
   * What a new session says in its `hello`.
   *
   * @returns {Promise<Hello>}
   */
  async hello(token = this.#next()) {
    const [said, challenge] = await Promise.all([token, this.#prove()]);
    return { token: said, challenge };
  }

  /**
   * Gives the session a new token, and this page new TURN credentials.
   *
   * @param {Signaling} signaling
   * @throws {CallError} not fatal: the session and its calls live on
   */
  async renew(signaling) {
    const token = await this.#fresh();
    await this.#inTurn(() => this.#say(token, signaling));
  }

  /**
   * Starts a call, with a new token first if another call has gone out with the present one.
   *
   * @param {Signaling} signaling
   * @param {import("./call.js").Call} call
   * @param {(error: CallError) => void} onError there is no new token: the call goes by the old one
   */
  place(signaling, call, onError) {
    return this.#inTurn(async () => {
      if (call.end) return; // given up while it waited
      const { expires } = await signaling.welcome;
      const asksForTokens = expires !== null;
      if (this.#fetch && asksForTokens && signaling.tokenUsed) {
        try {
          await this.#say(await this.#fresh(), signaling);
        } catch (error) {
          if (!signaling.closed) onError(/** @type {CallError} */ (error));
        }
      }
      await call.start();
    });
  }

  /**
   * Renews in time, and tries again until the old token ends.
   *
   * @param {Signaling} signaling
   * @param {number} expires seconds since the epoch
   * @param {(error: CallError) => void} onError
   */
  async renewBefore(signaling, expires, onError) {
    await pause(this.#renewed + PAUSE - Date.now());
    while (!signaling.closed) {
      try {
        await this.renew(signaling);
        return;
      } catch (error) {
        if (signaling.closed) return; // which says why itself
        onError(/** @type {CallError} */ (error));
      }
      if (Date.now() + PAUSE >= expires * 1000) return;
      await pause(PAUSE);
    }
  }

  /**
   * The session's `welcome`, renewed if what it gave is good no longer: a page may sleep with its
   * computer, and TURN credentials live for minutes.
   *
   * @param {Signaling} signaling
   * @returns {Promise<Welcome>}
   */
  async welcome(signaling) {
    const welcome = await signaling.welcome;
    const now = Date.now();
    const tokenEnded = this.renews && welcome.expires !== null && welcome.expires * 1000 <= now;
    if (tokenEnded || turnEnd(welcome.iceServers) < now + MARGIN) {
      // If it cannot be had, the call says what is wrong with it.
      const over = () => this.#renewing.delete(signaling);
      const renewing = this.#renewing.get(signaling) ?? this.renew(signaling).then(over, over);
      this.#renewing.set(signaling, renewing);
      await renewing;
    }
    return signaling.welcome;
  }

  async #next() {
    this.current = readToken(this.#token ?? (await within(this.#fetch?.(), FETCH_TIMEOUT)));
    if (this.#fetch) this.#token = undefined; // by the next session it may have ended
    return this.current;
  }

  async #prove() {
    return typeof this.#challenge === "function" ? this.#challenge() : this.#challenge;
  }

  /**
   * @returns {Promise<Token>}
   * @throws {CallError} not fatal
   */
  async #fresh() {
    try {
      return this.#fetch ? readToken(await within(this.#fetch(), FETCH_TIMEOUT)) : this.#token;
    } catch (error) {
      throw new CallError("bad-token", { reason: NO_TOKEN, fatal: false, original: error });
    }
  }

  /**
   * @param {Token} token
   * @param {Signaling} signaling
   */
  async #say(token, signaling) {
    await signaling.renew(token);
    this.current = token;
    this.#renewed = Date.now();
  }

  /**
   * @template T
   * @param {() => Promise<T>} step
   * @returns {Promise<T>}
   */
  #inTurn(step) {
    const done = this.#turns.then(step);
    const over = () => {};
    this.#turns = done.then(over, over);
    return done;
  }
}

/**
 * @param {TokenAnswer} answer
 * @returns {Token}
 * @throws {Error} it has no token in it
 */
export function readToken(answer) {
  const text = typeof answer === "string" ? answer.trim() : "";
  const told = /^[{"]/.test(text) ? JSON.parse(text) : text || answer;
  const token = told?.token ?? told;
  if (token !== undefined && typeof token !== "string") throw new TypeError("no call token");
  return token;
}

/**
 * @template T
 * @param {T | Promise<T>} value
 * @param {number} ms
 * @returns {Promise<T>}
 */
const within = (value, ms) =>
  Promise.race([
    value,
    pause(ms).then(() => {
      throw new Error(`nothing came within ${ms} ms`);
    }),
  ]);

/** @param {number} ms none if it is not positive */
const pause = (ms) => new Promise((resolve) => (ms > 0 ? setTimeout(resolve, ms) : resolve(null)));

export const NO_TOKEN = "The page could not get a call token.";

/**
 * When TURN credentials end: coturn's user names begin with it, in seconds since the epoch.
 *
 * @param {RTCIceServer[]} servers
 * @returns {number} ms since the epoch
 */
function turnEnd(servers) {
  const ends = servers.map((server) => /^(\d{10,}):/.exec(server?.username ?? "")?.[1]);
  return 1000 * Math.min(...ends.map((end) => Number(end ?? Infinity)));
}
