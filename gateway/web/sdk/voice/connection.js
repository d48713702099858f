// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * The audio connection of a call: the gateway's answer and candidates, the wait until sound can flow,
 * and what is measured and wrong on it. It sends no frames and knows no call state.
 */

import { CallError } from "./errors.js";
import { Media } from "./media.js";
import { closeMicrophone, openMicrophone } from "./microphone.js";
import { Monitor } from "./monitor.js";

const NO_WAY = "The browser found no address to send from: no TURN server gave one.";

/** From the answer to a working ICE and DTLS connection; browsers themselves take up to 30 s to give up. */
const MEDIA_TIMEOUT = 20_000;

/**
 * @typedef {object} ConnectionOptions
 * @property {MediaStream} microphone
 * @property {RTCConfiguration} configuration
 * @property {import("./peer.js").Peer} [peer] made ahead, and configured
 * @property {MediaTrackConstraints} [audio]
 * @property {HTMLAudioElement} [element]
 * @property {HTMLAudioElement} [made] of an earlier connection
 * @property {() => boolean} expectsAudio whether silence on the wire deserves a warning
 * @property {(candidate: RTCIceCandidateInit | null) => void} onCandidate one of ours
 * @property {(digit: string) => void} onTone
 * @property {(input: number, output: number) => void} onVolume
 * @property {(sample: import("./quality.js").Sample) => void} onSample
 * @property {(report: object[]) => void} onReport for the gateway
 * @property {(name: string, active: boolean, data: object) => void} onWarning each change once
 * @property {(error: CallError) => void} onError it does not end the connection
 * @property {(error: CallError) => void} onFailed there is no connection, or no longer
 * @property {() => void} onConnected
 * @property {() => void} onDoubt it is interrupted, and may come back
 */

export class Connection {
  /** @type {Monitor | null} what is measured, once the offer has left */
  #monitor = null;
  #answered = false;
  #connected = false;
  #closed = false;
  #replacing = new AbortController();
  /** @type {Set<string>} those raised and not yet cleared */
  #warnings = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {ConnectionOptions} options */
  constructor(options) {
    this.options = options;
    this.media = new Media({
      ...options,
      onState: (state) => this.#follow(state),
      onBlocked: (blocked) => this.#warn("playback-blocked", blocked),
      onMicrophoneLost: () => void this.#replaceMicrophone(),
      onNoWay: () => options.onFailed(new CallError("media-failed", { reason: NO_WAY })),
    });
    // Of an earlier connection, which has waited for another one
    if (options.microphone.getAudioTracks().some(({ readyState }) => readyState === "ended")) void this.#replaceMicrophone();
  }

  /** To be called once the offer has left: candidates follow it, and sound is measured. */
  offered() {
    this.media.releaseCandidates();
    this.#monitor ??= new Monitor({
      ...this.options,
      media: this.media,
      onWarning: ({ name, active, ...data }) => this.#warn(name, active, data),
    });
  }

  get answered() {
    return this.#answered;
  }

  /** @param {unknown} answer the first one counts */
  async answer(answer) {
    if (this.#answered) return;
    this.#answered = true;
    const sdp = /** @type {{ sdp?: unknown } | null} */ (answer)?.sdp;
    if (typeof sdp !== "string") {
      this.options.onFailed(new CallError("protocol", { reason: "The gateway's answer has no sdp." }));
      return;
    }
    this.#timer = setTimeout(() => this.options.onFailed(new CallError("media-failed")), MEDIA_TIMEOUT);
    try {
      await this.media.setAnswer({ type: "answer", sdp });
      if (!this.#closed) this.#monitor?.follow();
    } catch (error) {
      if (this.#closed) return;
      const reason = `The gateway's answer cannot be used: ${error instanceof Error ? error.message : error}`;
      this.options.onFailed(new CallError("protocol", { reason, original: error }));
    }
  }

  /** @param {unknown} candidate one of the gateway's */
  async addCandidate(candidate) {
    try {
      await this.media.addCandidate(/** @type {RTCIceCandidateInit | null} */ (candidate ?? null));
    } catch (error) {
      // One bad candidate of several is no reason to end a call.
      if (this.#closed) return;
      const reason = `The gateway's candidate cannot be used: ${JSON.stringify(candidate)}`;
      this.options.onError(new CallError("protocol", { reason, fatal: false, original: error }));
    }
  }

  /** @param {string} id of an audio input; "" is the default one */
  async setInputDevice(id) {
    const microphone = await openMicrophone({ ...this.options.audio, deviceId: id ? { exact: id } : undefined });
    if (this.#closed) {
      closeMicrophone(microphone);
      return;
    }
    await this.media.replaceMicrophone(microphone);
    this.#replacing.abort();
    this.#warn("microphone-lost", false);
    this.#monitor?.follow();
  }

  /** The microphone is gone: the default one takes its place, at once or as soon as there is one. */
  async #replaceMicrophone() {
    this.#warn("microphone-lost", true);
    this.#replacing.abort();
    this.#replacing = new AbortController();
    const { signal } = this.#replacing;
    const take = () => this.setInputDevice("").catch(() => {});
    navigator.mediaDevices.addEventListener("devicechange", take, { signal });
    await take();
  }

  close() {
    this.#stop();
    this.media.close();
  }

  /** Closes the connection alone: microphone and element go on with another one. */
  release() {
    // What was wrong with it is over with it: the next one says what is wrong by itself
    for (const name of this.#warnings) this.#warn(name, false);
    this.#stop();
    this.media.release();
  }

  #stop() {
    this.#closed = true;
    this.#replacing.abort();
    clearTimeout(this.#timer);
    this.#monitor?.close();
  }

  /** @param {RTCPeerConnectionState} state */
  #follow(state) {
    if (state === "connected") {
      this.#connected = true;
      clearTimeout(this.#timer);
      this.options.onConnected();
    } else if (state === "disconnected") {
      this.options.onDoubt();
    } else if (state === "failed") {
      this.options.onFailed(new CallError(this.#connected ? "media-lost" : "media-failed"));
    }
    this.#warn("connection-interrupted", state === "disconnected");
  }

  /**
   * @param {string} name
   * @param {boolean} active
   * @param {object} [data]
   */
  #warn(name, active, data = {}) {
    if (this.#closed || active === this.#warnings.has(name)) return;
    if (active) this.#warnings.add(name);
    else this.#warnings.delete(name);
    this.options.onWarning(name, active, data);
  }
}
