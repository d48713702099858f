// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * Sound to the gateway and back, by the way of a call: the gateway says what it hears, and nobody is
 * called. Both ends measure; the sum of the two is what a call would be like.
 */

import { spokenAs } from "../errors.js";
import { checksOf, summarizePath } from "./path.js";

const CONNECT = 15_000; // ms; a browser goes on for half a minute
const STEP = 500; // ms between two looks
const MORE = 1_500; // ms that the gateway's last word may take

/** @typedef {import("./line.js").Line} Line */
/** @typedef {import("./line.js").Frame} Frame */
/** @typedef {import("./path.js").Path} Path */

/**
 * @typedef {object} Sample what has been measured up to now; null where nothing is known
 * @property {number} seconds
 * @property {number | null} rttMs
 * @property {number | null} lossUp share of what was sent that did not come, 0 to 1
 * @property {number | null} lossDown
 * @property {number | null} jitterUpMs
 * @property {number | null} jitterDownMs
 * @property {number | null} mos 1 to 4.5, of the worse direction
 * @property {number | null} levelUp as the gateway hears it, in dBFS
 * @property {number} sent packets
 * @property {number} received
 */

/**
 * @typedef {object} EchoResult
 * @property {string | null} error a word of the texts; null where sound has flowed
 * @property {string} reason the gateway's own words
 * @property {number | null} iceMs from the offer to a way through
 * @property {number | null} dtlsMs from there to keys
 * @property {Path | null} path
 * @property {string[]} hosts of the gateway, where browsers send to
 * @property {number[]} ports of the gateway, UDP
 * @property {Sample | null} sample the last one
 */

export class Echo {
  #line;
  #id = crypto.randomUUID();
  #peer;
  #began = 0;
  #measuredFrom = 0;
  /** @type {EchoResult} */
  #result = { error: null, reason: "", iceMs: null, dtlsMs: null, path: null, hosts: [], ports: [], sample: null };
  /** @type {{ heard: number, lost: number, jitter: number, mos: number | null, level: number | null, rtt: number | null }} */
  #up = { heard: 0, lost: 0, jitter: 0, mos: null, level: null, rtt: null };
  #qualities = 0;
  /** Of the looks that heard something: one bad moment of the computer's is no bad network. */
  #jitterDown = { sum: 0, count: 0 };
  /** @type {import("./path.js").Checks | null} before the measurement */
  #checks = null;
  #over = new AbortController();
  /** @type {(stream: MediaStream) => void} what comes back is to be heard here */
  onStream = () => {};

  /**
   * @param {Line} line
   * @param {RTCConfiguration} configuration
   * @param {MediaStream | null} stream what is sent
   * @param {AbortSignal} signal
   */
  constructor(line, configuration, stream, signal) {
    this.#line = line;
    this.#peer = new RTCPeerConnection(configuration);
    const track = stream?.getAudioTracks()[0];
    if (stream && track) this.#peer.addTrack(track, stream);
    else this.#peer.addTransceiver("audio");
    signal.addEventListener("abort", () => this.#fail("stopped"), { once: true });
  }

  /**
   * @param {number} seconds to measure for
   * @param {{ onConnected: (result: EchoResult) => void, onSample: (sample: Sample) => void }} told
   * @returns {Promise<EchoResult>}
   */
  async run(seconds, { onConnected, onSample }) {
    const element = document.createElement("audio"); // Chromium gives WebAudio nothing without one
    element.muted = true;
    this.#peer.ontrack = ({ track, streams }) => {
      const stream = streams[0] ?? new MediaStream([track]);
      element.srcObject = stream;
      element.play().catch(() => {});
      this.onStream(stream);
    };
    try {
      if (!(await this.#connect())) return this.#result;
      onConnected(this.#result);
      await this.#measure(seconds, onSample);
    } catch (error) {
      this.#fail("media-failed", error instanceof Error ? error.message : String(error));
    } finally {
      this.#line.send({ type: "hangup", call: this.#id });
      this.#line.onFrame = this.#line.onLost = () => {};
      this.#peer.close();
      element.srcObject = null;
    }
    return this.#result;
  }

  async #connect() {
    this.#line.onFrame = (frame) => frame.call === this.#id && this.#receive(frame);
    this.#line.onLost = (name) => this.#fail(name);
    // While somebody was still asked for the microphone
    if (this.#line.lost) return this.#fail(this.#line.lost);
    await this.#peer.setLocalDescription(await this.#peer.createOffer());
    this.#began = performance.now();
    this.#line.send({ type: "preflight", call: this.#id, offer: { type: "offer", sdp: this.#peer.localDescription?.sdp } });
    this.#peer.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate !== "") this.#line.send({ type: "candidate", call: this.#id, candidate: candidate?.toJSON() ?? null });
    };
    let iceAt = 0;
    this.#peer.oniceconnectionstatechange = () => {
      if (["connected", "completed"].includes(this.#peer.iceConnectionState)) iceAt ||= performance.now();
    };
    await new Promise((resolve) => {
      this.#peer.onconnectionstatechange = () => {
        if (this.#peer.connectionState === "connected") resolve(null);
        else if (this.#peer.connectionState === "failed") this.#fail("media-failed");
      };
      this.#over.signal.addEventListener("abort", resolve, { once: true });
      setTimeout(resolve, CONNECT);
    });
    const now = performance.now();
    if (this.#over.signal.aborted) return false;
    if (this.#peer.connectionState !== "connected") return this.#fail("media-failed");
    this.#result.iceMs = (iceAt || now) - this.#began;
    this.#result.dtlsMs = now - (iceAt || now);
    this.#result.path = summarizePath([...(await this.#peer.getStats()).values()]);
    return true;
  }

  /**
   * @param {number} seconds
   * @param {(sample: Sample) => void} onSample
   */
  async #measure(seconds, onSample) {
    this.#measuredFrom = performance.now();
    const first = await this.#look(null);
    const end = this.#measuredFrom + 1000 * seconds;
    while (!this.#over.signal.aborted && performance.now() < end) {
      await this.#pause(STEP);
      onSample((this.#result.sample = (await this.#look(first)).sample));
    }
    const wanted = this.#qualities + 1; // of the time that has just passed
    const last = performance.now() + MORE;
    while (!this.#over.signal.aborted && this.#qualities < wanted && performance.now() < last) await this.#pause(STEP / 5);
    if (!this.#over.signal.aborted) this.#result.sample = (await this.#look(first)).sample;
    // The pair that began may not be the one that is used
    const stats = [...(await this.#peer.getStats()).values()];
    this.#result.path = summarizePath(stats, this.#checks) ?? this.#result.path;
  }

  /** @param {number} ms */
  #pause(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#over.signal.addEventListener("abort", () => (clearTimeout(timer), resolve(null)), { once: true });
    });
  }

  /**
   * @param {{ received: number, lost: number, sent: number } | null} first
   * @returns {Promise<{ received: number, lost: number, sent: number, sample: Sample }>}
   */
  async #look(first) {
    const stats = [...(await this.#peer.getStats()).values()];
    const inbound = stats.find(({ type, kind }) => type === "inbound-rtp" && kind === "audio");
    const outbound = stats.find(({ type, kind }) => type === "outbound-rtp" && kind === "audio");
    const counted = {
      received: inbound?.packetsReceived ?? 0,
      lost: inbound?.packetsLost ?? 0,
      sent: outbound?.packetsSent ?? 0,
    };
    const jitter = this.#jitterDown;
    if (first && counted.received > first.received) {
      jitter.sum += 1000 * (inbound?.jitter ?? 0);
      jitter.count += 1;
    }
    const received = counted.received - (first?.received ?? 0);
    const lost = Math.max(0, counted.lost - (first?.lost ?? 0));
    const up = this.#up;
    const told = stats.find(({ type }) => type === "remote-inbound-rtp")?.roundTripTime;
    if (!first) this.#checks = checksOf(stats);
    const trip = summarizePath(stats, this.#checks)?.rttMs ?? (told === undefined ? up.rtt : 1000 * told);
    return {
      ...counted,
      sample: {
        seconds: (performance.now() - this.#measuredFrom) / 1000,
        rttMs: trip,
        lossUp: up.heard + up.lost ? up.lost / (up.heard + up.lost) : null,
        lossDown: received + lost ? lost / (received + lost) : null,
        jitterUpMs: up.heard ? up.jitter / up.heard : null,
        jitterDownMs: jitter.count ? jitter.sum / jitter.count : null,
        mos: up.mos,
        levelUp: up.level,
        sent: counted.sent - (first?.sent ?? 0),
        received,
      },
    };
  }

  /** @param {Frame} frame */
  #receive(frame) {
    if (frame.type === "answer") this.#answer(frame);
    else if (frame.type === "quality") this.#learn(frame);
    else if (frame.type === "candidate") this.#peer.addIceCandidate(frame.candidate ?? undefined).catch(() => {});
    else if (frame.type === "error") this.#fail(spokenAs(String(frame.name), frame.code), String(frame.message ?? ""));
    else if (frame.type === "ended") this.#fail(spokenAs(String(frame.cause), frame.sipCode), String(frame.message ?? ""));
  }

  /** @param {Frame} frame */
  #answer(frame) {
    const sdp = String(frame.answer?.sdp ?? "");
    this.#result.hosts = [...sdp.matchAll(/^a=candidate:\S+ \d+ udp \d+ (\S+) /gim)].map(([, host]) => host);
    this.#result.ports = Array.isArray(frame.ports) ? frame.ports.filter(Number.isInteger) : [];
    this.#peer.setRemoteDescription({ type: "answer", sdp }).catch((error) => this.#fail("protocol", error.message));
  }

  /** @param {Frame} frame */
  #learn({ browser = {}, echo = {} }) {
    const up = this.#up;
    const packets = Number(browser.packets ?? 0);
    const loss = Number(browser.loss ?? 0);
    this.#qualities += 1;
    up.heard += packets;
    up.lost += loss < 1 ? (packets * loss) / (1 - loss) : 0;
    up.jitter += packets * Number(browser.jitterMs ?? 0);
    up.rtt = browser.rttMs ?? up.rtt;
    if (typeof browser.level === "number") up.level = -browser.level;
    const scores = [browser.mos, echo.mos].filter((each) => typeof each === "number");
    if (scores.length) up.mos = Math.min(...scores);
  }

  /**
   * The first reason counts.
   *
   * @param {string} name
   * @param {string} [reason]
   * @returns {false}
   */
  #fail(name, reason = "") {
    if (!this.#over.signal.aborted) Object.assign(this.#result, { error: name, reason });
    this.#over.abort();
    return false;
  }
}
