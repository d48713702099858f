// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * A peer connection with one audio line, which can be made before there is a microphone and before the
 * gateway has named its ICE servers: what takes a browser longest is done by the time that somebody calls.
 */

import { CallError } from "./errors.js";

export class Peer {
  /** @type {Promise<RTCSessionDescriptionInit>} */
  #offer;

  constructor() {
    this.connection = new RTCPeerConnection();
    this.sender = this.#addLine();
    this.#offer = this.connection.createOffer();
    this.#offer.catch(() => {}); // told by `offer`
  }

  #addLine() {
    try {
      return this.connection.addTransceiver("audio", { direction: "sendrecv" }).sender;
    } catch (error) {
      this.connection.close();
      throw error;
    }
  }

  /**
   * @param {RTCConfiguration} configuration
   * @throws {CallError} `invalid-argument`
   */
  configure(configuration) {
    try {
      this.connection.setConfiguration(configuration);
    } catch (error) {
      this.connection.close();
      const reason = `These ICE servers cannot be used: ${error instanceof Error ? error.message : error}`;
      throw new CallError("invalid-argument", { reason, original: error });
    }
  }

  /** @returns {Promise<RTCSessionDescriptionInit>} with no candidates yet: they are looked for from now on */
  async offer() {
    await this.connection.setLocalDescription(await this.#offer);
    return { type: "offer", sdp: this.connection.localDescription?.sdp };
  }

  close() {
    this.connection.close();
  }
}
