// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * What the sound of a call is made of: the microphone, a peer connection, and the gateway's ICE servers.
 * All are got side by side, and what can be had before somebody calls is kept for a while.
 */

import { CallError } from "./errors.js";
import { closeMicrophone, openMicrophone } from "./microphone.js";
import { Peer } from "./peer.js";

/** @typedef {import("./access.js").Access} Access */
/** @typedef {import("./call-types.js").Source} Source */
/** @typedef {import("./signaling.js").Signaling} Signaling */

/** What is made ahead and not used: a TURN server has it renewed, and its addresses grow old. */
const LIFETIME = 30_000;

export class Sources {
  /** @type {PermissionStatus | null} */
  #permission = null;
  /** Until it is known. */
  #asked;
  /** @type {Peer | null} */
  #spare = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {object} options
   * @param {Access} options.access
   * @param {RTCIceServer[]} [options.iceServers] instead of the gateway's
   * @param {RTCIceTransportPolicy} [options.iceTransportPolicy]
   */
  constructor(options) {
    this.options = options;
    const name = /** @type {PermissionName} */ ("microphone");
    // Asks nobody. Where a browser does not tell, nothing is made ahead
    this.#asked = Promise.resolve(navigator.permissions?.query({ name })).then(
      (permission) => void (this.#permission = permission ?? null),
      () => {},
    );
  }

  /**
   * Makes a peer connection ahead, and has its candidates found. Before the microphone is permitted it would be of
   * little use: a browser hides the computer's addresses from it then, and goes on doing so. It is closed after a
   * while, which begins again with each time. What hinders it is told by the call.
   *
   * @param {Signaling} signaling
   */
  async prepare(signaling) {
    await this.#asked;
    if (!this.#permitted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.release(), LIFETIME);
    try {
      const peer = (this.#spare ??= new Peer());
      const configuration = await this.configure(signaling);
      if (peer === this.#spare) this.#spare = fitting(peer, configuration); // else it is a call's by now
    } catch {
      this.release();
    }
  }

  /** Closes what was made ahead. */
  release() {
    clearTimeout(this.#timer);
    this.#spare?.close();
    this.#spare = null;
  }

  /**
   * @param {Signaling} signaling
   * @param {MediaTrackConstraints} audio
   * @param {AbortSignal} [over] the call is, while somebody is asked for the microphone
   * @returns {Promise<Source>}
   */
  async open(signaling, audio, over) {
    const opening = openMicrophone(audio);
    /** @type {Peer | null} */
    let early = this.#permitted ? this.#take() : null;
    const drop = () => {
      early?.close();
      early = null;
    };
    over?.addEventListener("abort", drop);
    try {
      const configuring = this.configure(signaling).then((configuration) => {
        if (early) early = fitting(early, configuration); // its candidates are found beside the microphone
        return configuration;
      });
      const [microphone, configuration] = await Promise.all([opening, configuring]);
      if (over?.aborted) throw new CallError("canceled");
      // Looked at again: it may have come to its end without a candidate meanwhile
      return { microphone, audio, configuration, peer: fitting(early ?? new Peer(), configuration) };
    } catch (error) {
      drop(); // before the configuration comes, for which another one would be made
      // Even when the person answers the prompt long after that
      opening.then(closeMicrophone, () => {});
      throw error;
    }
  }

  /**
   * @param {Signaling} signaling
   * @returns {Promise<RTCConfiguration>} what a peer connection needs at this moment
   */
  async configure(signaling) {
    const welcome = await this.options.access.welcome(signaling);
    const { iceServers = welcome.iceServers, iceTransportPolicy } = this.options;
    const relay = [iceTransportPolicy, welcome.iceTransportPolicy].includes("relay");
    return { iceServers, iceTransportPolicy: relay ? "relay" : "all" };
  }

  get #permitted() {
    return this.#permission?.state === "granted";
  }

  #take() {
    clearTimeout(this.#timer);
    const peer = this.#spare ?? new Peer();
    this.#spare = null;
    return peer;
  }
}

/**
 * @param {Peer} peer
 * @param {RTCConfiguration} configuration
 * @returns {Peer} that one, or another in its place
 */
function fitting(peer, configuration) {
  const fits = peer.fits(configuration);
  if (!fits) peer.close();
  const chosen = fits ? peer : new Peer();
  chosen.configure(configuration);
  return chosen;
}

/** @param {Source} source that no call has taken */
export function closeSource({ microphone, peer }) {
  closeMicrophone(microphone);
  peer?.close();
}
