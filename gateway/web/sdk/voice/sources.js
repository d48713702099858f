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

export class Sources {
  /** @type {PermissionStatus | null} */
  #permission = null;
  /** @type {Peer | null} */
  #spare = null;

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
    Promise.resolve(navigator.permissions?.query({ name })).then(
      (permission) => (this.#permission = permission ?? null),
      () => {},
    );
  }

  /**
   * Makes a peer connection ahead. Before the microphone is permitted it would be of little use: a browser
   * hides the computer's addresses from it then, and goes on doing so.
   */
  prepare() {
    if (!this.#permitted || this.#spare) return;
    try {
      this.#spare = new Peer();
    } catch {
      // What is wrong with this browser is told by the call
    }
  }

  /** Closes what was made ahead. */
  release() {
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
    let early = null;
    over?.addEventListener("abort", () => early?.close());
    try {
      if (this.#permitted) early = this.#take();
      const [microphone, configuration] = await Promise.all([opening, this.configure(signaling)]);
      if (over?.aborted) throw new CallError("canceled");
      const peer = early ?? new Peer();
      peer.configure(configuration);
      return { microphone, configuration, peer };
    } catch (error) {
      early?.close();
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
    const peer = this.#spare ?? new Peer();
    this.#spare = null;
    return peer;
  }
}

/** @param {Source} source that no call has taken */
export function closeSource({ microphone, peer }) {
  closeMicrophone(microphone);
  peer?.close();
}
