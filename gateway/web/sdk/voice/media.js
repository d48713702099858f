// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * The media of one call: a peer connection with one audio line, the microphone that feeds it and
 * the audio element that plays what comes back. It knows no frames and no call state. Candidates
 * are held in either direction until the other side can use them.
 */

import { CallError } from "./errors.js";
import { UNREACHABLE } from "./ice.js";
import { closeMicrophone } from "./microphone.js";
import { Peer } from "./peer.js";

/**
 * @typedef {object} MediaOptions
 * @property {MediaStream} microphone
 * @property {RTCConfiguration} configuration
 * @property {Peer} [peer] made ahead, and configured; else one is made
 * @property {HTMLAudioElement} [element] plays the call; made, and removed in the end, unless given
 * @property {HTMLAudioElement} [made] one that has been made for an earlier connection of the call
 * @property {(candidate: RTCIceCandidateInit | null) => void} onCandidate null at the end of candidates
 * @property {(state: RTCPeerConnectionState) => void} onState
 * @property {(digit: string) => void} onTone a digit went out as an RFC 4733 event
 * @property {(blocked: boolean) => void} onBlocked the browser refuses to play without a click
 * @property {() => void} onMicrophoneLost unplugged, or taken away by the system
 * @property {() => void} onNoWay there is not one candidate of ours
 */

export class Media {
  /** @type {MediaStream} */
  #microphone;
  #peer;
  #sender;
  /** @type {(RTCIceCandidateInit | null)[]} of ours, until the offer has left */
  #outgoing = [];
  #offered = false;
  /** @type {() => void} */
  #answered = () => {};
  /** @type {Promise<void>} their candidates wait here until the answer is in place */
  #answer = new Promise((resolve) => (this.#answered = resolve));
  /** @type {() => void} */
  #release = () => {};
  /** @type {Promise<void>} the connection is closed, which settles nothing that it was asked for */
  #released = new Promise((resolve) => (this.#release = resolve));
  #muted = false;
  #candidates = 0;
  /** @type {Map<string, string>} STUN and TURN servers that were of no use, and why */
  #refusals = new Map();
  #retry = new AbortController();

  /** @param {MediaOptions} options */
  constructor(options) {
    this.options = options;
    this.#peer = options.peer ?? configured(options.configuration);
    this.rtc = this.#peer.rtc;
    this.#sender = this.#peer.sender;
    this.remote = new MediaStream();
    this.#microphone = options.microphone;
    this.element = options.element ?? options.made ?? createElement();
    this.element.srcObject = this.remote;
    const track = options.microphone.getAudioTracks()[0];
    // Not waited for: nothing is sent before the answer, and a browser takes milliseconds for it
    this.#sender.replaceTrack(track).catch(() => {
      if (this.rtc.signalingState !== "closed") options.onState("failed");
    });
    this.#watch(track);
    this.rtc.onicecandidate = ({ candidate }) => this.#emitCandidate(candidate?.toJSON() ?? null);
    this.rtc.onicecandidateerror = (event) => this.#refused(event);
    this.rtc.onconnectionstatechange = () => options.onState(this.rtc.connectionState);
    this.rtc.ontrack = ({ track: remote }) => this.#play(remote);
    const dtmf = this.#sender.dtmf;
    if (dtmf) dtmf.ontonechange = ({ tone }) => tone && options.onTone(tone);
    // They may end the call, which is not made yet
    queueMicrotask(() => this.#catchUp());
  }

  get microphone() {
    return this.#microphone;
  }

  /** Why STUN and TURN servers were of no use; empty if none complained. */
  get refusals() {
    return [...this.#refusals].map(([url, why]) => `${url}: ${why}`).join("; ");
  }

  get muted() {
    return this.#muted;
  }

  /** @returns {Promise<RTCSessionDescriptionInit>} with the candidates that are known by now: the others trickle */
  async createOffer() {
    const offer = await this.#peer.offer();
    this.#outgoing = this.#outgoing.filter((candidate) => !candidate || !offer.sdp?.includes(addressOf(candidate)));
    return offer;
  }

  /** To be called once the offer is on its way: lets our candidates follow it. */
  releaseCandidates() {
    this.#offered = true;
    for (const candidate of this.#outgoing.splice(0)) this.options.onCandidate(candidate);
  }

  /** @param {RTCSessionDescriptionInit} answer */
  async setAnswer(answer) {
    await this.rtc.setRemoteDescription(answer);
    this.#answered();
  }

  /** @param {RTCIceCandidateInit | null} candidate */
  async addCandidate(candidate) {
    await this.#answer;
    await this.rtc.addIceCandidate(candidate ?? undefined);
  }

  /** @param {boolean} muted */
  mute(muted) {
    this.#muted = muted;
    for (const track of this.#microphone.getAudioTracks()) track.enabled = !muted;
  }

  /**
   * Without a new offer: the track is swapped under the sender. The old microphone is closed; the new one,
   * if the connection is by then.
   *
   * @param {MediaStream} microphone
   */
  async replaceMicrophone(microphone) {
    const track = microphone.getAudioTracks()[0];
    track.enabled = !this.#muted;
    try {
      await Promise.race([this.#sender.replaceTrack(track), this.#released]);
    } catch (error) {
      closeMicrophone(microphone);
      throw error;
    }
    if (this.rtc.signalingState === "closed") {
      closeMicrophone(microphone);
      return;
    }
    closeMicrophone(this.#microphone);
    this.#microphone = microphone;
    this.#watch(track);
  }

  /** @param {string} id of an audio output; "" is the default one */
  async setSinkId(id) {
    if (!("setSinkId" in this.element)) {
      throw new CallError("unsupported", { reason: "This browser cannot choose a speaker.", fatal: false });
    }
    // Before there is a track Chromium gives the element no speaker
    await Promise.race([this.#answer, this.#released]);
    try {
      await this.element.setSinkId(id);
    } catch (error) {
      throw new CallError("speaker-failed", { reason: String(error), fatal: false, original: error });
    }
  }

  /**
   * As RFC 4733 events in the audio stream, behind those still waiting.
   *
   * @param {string} digits
   * @param {number} duration ms
   * @param {number} gap ms
   * @returns {boolean} false when the answer has no telephone-event
   */
  insertDigits(digits, duration, gap) {
    const dtmf = this.#sender.dtmf;
    if (!dtmf?.canInsertDTMF) return false;
    dtmf.insertDTMF(dtmf.toneBuffer + digits, duration, gap);
    return true;
  }

  /** @returns {string} the digits that have not begun, and are not sent any more */
  withdrawDigits() {
    const dtmf = this.#sender.dtmf;
    const digits = dtmf?.toneBuffer ?? "";
    if (digits) dtmf?.insertDTMF("");
    return digits;
  }

  close() {
    this.release();
    closeMicrophone(this.#microphone);
    closeMicrophone(this.remote);
    this.element.srcObject = null;
    if (!this.options.element) this.element.remove();
  }

  /** Closes the connection alone: microphone and element go on with another one. */
  release() {
    this.#retry.abort();
    this.rtc.onicecandidate = this.rtc.onicecandidateerror = null;
    this.rtc.onconnectionstatechange = this.rtc.ontrack = null;
    if (this.#sender.dtmf) this.#sender.dtmf.ontonechange = null;
    this.rtc.close();
    this.#release();
  }

  /** What was found, and complained of, before anybody listened. */
  #catchUp() {
    if (this.rtc.signalingState === "closed") return;
    for (const candidate of this.#peer.found) this.#emitCandidate(candidate);
    for (const event of this.#peer.complaints) this.#refused(event);
  }

  /** @param {RTCIceCandidateInit | null} candidate */
  #emitCandidate(candidate) {
    // Some browsers mark the end of a component with an empty candidate; null alone means the end.
    if (candidate?.candidate === "") return;
    if (candidate) this.#candidates += 1;
    else if (!this.#candidates) this.options.onNoWay();
    if (this.#offered) this.options.onCandidate(candidate);
    else this.#outgoing.push(candidate);
  }

  /** @param {RTCPeerConnectionIceErrorEvent} event */
  #refused({ url, errorCode, errorText }) {
    this.#refusals.set(url, `${errorCode} ${errorText}`.trim());
    const { iceServers = [], iceTransportPolicy } = this.options.configuration;
    const turns = iceServers.flatMap(({ urls }) => urls).filter(isTurn);
    // Browsers go on asking for a quarter of a minute, though every server has said no.
    const allRefused = errorCode < UNREACHABLE && [...this.#refusals.keys()].filter(isTurn).length >= turns.length;
    if (iceTransportPolicy === "relay" && allRefused && !this.#candidates) this.options.onNoWay();
  }

  /** @param {MediaStreamTrack} track */
  #watch(track) {
    track.onended = () => {
      if (track === this.#sender.track) this.options.onMicrophoneLost();
    };
  }

  /** @param {MediaStreamTrack} track */
  async #play(track) {
    this.remote.addTrack(track);
    try {
      await this.element.play();
      this.options.onBlocked(false);
    } catch (error) {
      // AbortError: the call ended, or another source came, before the first frame.
      if (!(error instanceof DOMException) || error.name !== "NotAllowedError") return;
      this.options.onBlocked(true);
      this.#playOnGesture(track);
    }
  }

  /** @param {MediaStreamTrack} track */
  #playOnGesture(track) {
    const again = () => {
      this.#retry.abort();
      this.#retry = new AbortController();
      void this.#play(track);
    };
    for (const event of ["pointerdown", "keydown"]) {
      document.addEventListener(event, again, { signal: this.#retry.signal });
    }
  }
}

/**
 * What a description says of a candidate as well, which leaves some of its attributes out.
 *
 * @param {RTCIceCandidateInit} candidate
 */
const addressOf = ({ candidate = "" }) => candidate.split(" ", 8).join(" ");

/** @param {string} url */
const isTurn = (url) => url.startsWith("turn");

/** @param {RTCConfiguration} configuration */
function configured(configuration) {
  const peer = new Peer();
  peer.configure(configuration);
  return peer;
}

function createElement() {
  const element = document.createElement("audio");
  element.autoplay = true;
  element.hidden = true;
  element.dataset.voiceCall = "";
  document.body.append(element);
  return element;
}
