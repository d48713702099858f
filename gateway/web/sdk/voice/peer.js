// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * A peer connection with one audio line, which can be made before there is a microphone and before the
 * gateway has named its ICE servers: what takes a browser longest is done by the time that somebody calls.
 */

import { CallError } from "./errors.js";

export class Peer {
  /** @type {(RTCIceCandidateInit | null)[]} until a call listens; null at their end */
  found = [];
  /** @type {RTCPeerConnectionIceErrorEvent[]} of STUN and TURN servers, until a call listens */
  complaints = [];
  /** @type {Promise<RTCSessionDescriptionInit>} */
  #offer;
  /** @type {Promise<void> | null} */
  #chosen = null;
  /** Its configuration, as text. */
  #configured = "";

  constructor() {
    this.rtc = new RTCPeerConnection();
    this.rtc.onicecandidate = ({ candidate }) => this.found.push(candidate?.toJSON() ?? null);
    this.rtc.onicecandidateerror = (event) => this.complaints.push(event);
    this.sender = this.#addLine();
    this.#offer = this.rtc.createOffer();
    this.#offer.catch(() => {}); // told by `offer`
  }

  #addLine() {
    try {
      return this.rtc.addTransceiver("audio", { direction: "sendrecv" }).sender;
    } catch (error) {
      this.rtc.close();
      throw error;
    }
  }

  /**
   * Whether a call can use it as it is: not one that has looked for a way in vain.
   *
   * @param {RTCConfiguration} configuration
   */
  fits(configuration) {
    if (!this.#chosen) return true;
    const inVain = this.found.includes(null) && !this.found.some((each) => each?.candidate);
    return !inVain && this.#configured === JSON.stringify(configuration);
  }

  /**
   * From now on it looks for candidates, which it tells from the next task on.
   *
   * @param {RTCConfiguration} configuration
   * @throws {CallError} `invalid-argument`
   */
  configure(configuration) {
    if (this.#chosen) return;
    try {
      this.rtc.setConfiguration(configuration);
    } catch (error) {
      this.rtc.close();
      const reason = `These ICE servers cannot be used: ${error instanceof Error ? error.message : error}`;
      throw new CallError("invalid-argument", { reason, original: error });
    }
    this.#configured = JSON.stringify(configuration);
    // Beside what the page has to do for the call until then
    this.#chosen = this.#offer.then((offer) => this.rtc.setLocalDescription(offer));
    this.#chosen.catch(() => {}); // told by `offer`
  }

  /** @returns {Promise<RTCSessionDescriptionInit>} with no candidates, or but the first ones */
  async offer() {
    await this.#chosen;
    return { type: "offer", sdp: this.rtc.localDescription?.sdp };
  }

  close() {
    this.rtc.close();
  }
}
