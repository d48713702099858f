// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * The offers of a call and the gateway's answers: the first one, and each by which audio that was lost comes
 * back. It opens what an offer needs, and closes it where the call ends meanwhile. It knows no call state.
 */

import { asCallError, CallError } from "./errors.js";
import { Recovery } from "./recovery.js";
import { Sound } from "./sound.js";
import { closeSource } from "./sources.js";

/** Between samples that tell a silence, ms: two of a busy page may come at once, and know of no packet between them. */
const SPACING = 500;

/** @typedef {import("./call-types.js").AcceptOptions} AcceptOptions */
/** @typedef {import("./call-types.js").CallSetup} CallSetup */
/** @typedef {import("./connection.js").Connection} Connection */
/** @typedef {import("./frames.js").Frame} Frame */

/**
 * @typedef {object} NegotiationOptions
 * @property {import("./call-types.js").Emit} emit of the call
 * @property {(frame: Frame) => void} send
 * @property {() => boolean} held whether this side holds the call
 * @property {() => boolean} expectsAudio whether silence on the wire deserves a warning
 * @property {() => void} onOffered the first offer has left
 * @property {(error: CallError) => void} onError it does not end the call
 * @property {(error: CallError) => void} onFailed there is no audio, and there will be none
 * @property {(error: CallError) => void} onLost the gateway or the audio is, for now
 * @property {() => void} onBack
 */

export class Negotiation {
  #setup;
  /** Whether the audio has ever been up: only then is it worth another try. */
  #wasConnected;
  /** The last sample by which it was seen whether sound comes. */
  #last = { timestamp: 0, packetsReceived: -1 };
  /** The last restart, by which the gateway says what each outcome is about. */
  #restartId = "";
  #over = new AbortController();
  /** @type {Promise<void> | undefined} what a call of an earlier page needs */
  #opening;

  /**
   * @param {CallSetup} setup
   * @param {NegotiationOptions} options
   */
  constructor(setup, options) {
    const { signaling, source, restored } = setup;
    this.#setup = setup;
    this.options = options;
    this.#wasConnected = restored !== undefined;
    this.recovery = new Recovery({
      ...options,
      window: () => signaling.window,
      restart: () =>
        signaling.whenSure(() => {
          if (!this.#ended && this.recovery.restarting) void this.#restart();
        }),
    });
    this.sound = new Sound({
      ...options,
      onSample: (sample) => {
        // Where ICE finds its way by itself, nothing else may tell that the network is another one
        if (this.#listen(sample)) signaling.probe();
        options.emit("sample", sample);
      },
      onFailed: (error) => this.#failed(error),
      onConnected: () => this.#connected(),
      onDoubt: () => {
        signaling.probe();
        this.recovery.doubt();
      },
    });
    if (source) this.sound.connect(source, setup);
  }

  /**
   * Opens what an incoming call needs, and offers it.
   *
   * @param {AcceptOptions} options
   * @throws {CallError} not fatal while the call rings on
   */
  async accept({ audio, element }) {
    this.#setup = { ...this.#setup, audio: { ...this.#setup.audio, ...audio }, element };
    try {
      await this.#open();
      await this.offer({ type: "accept" });
      this.#mustLive();
    } catch (error) {
      const failure = asCallError(error);
      if (!this.#ended) {
        this.sound.disconnect(); // while the call rings on, no microphone stays open
        failure.fatal = false;
      }
      throw failure;
    }
  }

  /** @param {Frame} frame that takes the offer with it */
  async offer(frame) {
    const connection = /** @type {Connection} */ (this.sound.connection);
    const offer = await connection.media.createOffer();
    if (this.#ended || connection !== this.sound.connection) return;
    this.options.send({ ...frame, offer });
    if (frame.type !== "restart") this.options.onOffered();
    connection.offered();
  }

  /**
   * Whether it is about the connection of an earlier page, or about one that has been given up.
   *
   * @param {Frame} frame
   */
  isLate({ id }) {
    return id !== undefined && id !== this.#restartId;
  }

  /** @param {Frame} frame with an answer of the gateway's */
  answer(frame) {
    if (this.isLate(frame)) return;
    if (this.#wasConnected && !this.recovery.restarting) return;
    this.recovery.answered();
    void this.sound.connection?.answer(frame.answer);
  }

  /**
   * @param {CallError} error by which the gateway refuses another audio connection
   * @param {boolean} sure it is of the last restart: without an id it may be of an earlier one
   */
  refused({ reason }, sure) {
    if (!this.recovery.active || (this.recovery.restarting && !sure)) return;
    this.recovery.failed(new CallError("media-lost", { reason }));
  }

  /** @param {CallError} error why the call is over, for whoever waits for its audio */
  close(error) {
    this.#over.abort(error);
    this.recovery.close();
    this.sound.close();
  }

  get #ended() {
    return this.#over.signal.aborted;
  }

  #mustLive() {
    if (this.#ended) throw this.#over.signal.reason;
  }

  async #open() {
    const { audio = {}, prepare } = this.#setup;
    this.#mustLive();
    const source = await /** @type {NonNullable<typeof prepare>} */ (prepare)(audio, this.#over.signal);
    try {
      this.#mustLive();
      this.sound.connect(source, this.#setup);
      if (this.#ended) this.sound.close(); // by the page, which has heard of a microphone that is gone
    } catch (error) {
      closeSource(source);
      throw error;
    }
  }

  /** Gives the call another audio connection; the gateway's answer follows. */
  async #restart() {
    const id = (this.#restartId = crypto.randomUUID());
    try {
      if (this.sound.connection) {
        const configuration = await this.#setup.configure();
        this.#mustLive();
        this.sound.replace(configuration, this.#setup);
      } else {
        await (this.#opening ??= this.#open()); // a person may take longer over the prompt than a restart lasts
      }
      if (id === this.#restartId) await this.offer({ type: "restart", id });
    } catch (error) {
      if (this.#ended) return;
      const failure = error instanceof CallError ? error : new CallError("media-lost", { original: error });
      if (this.sound.connection) this.recovery.failed(failure);
      else this.options.onFailed(failure);
    }
  }

  /**
   * @param {import("./quality.js").Sample} sample
   * @returns {boolean} whether this is the first that speaks against the audio
   */
  #listen(sample) {
    const { timestamp, packetsReceived } = this.#last;
    if (sample.timestamp - timestamp < SPACING) return false;
    this.#last = sample;
    const silent = packetsReceived === sample.packetsReceived && this.options.expectsAudio();
    return this.recovery.hear(this.#wasConnected && silent);
  }

  #connected() {
    this.#wasConnected = true;
    this.recovery.connected();
  }

  /** @param {CallError} error */
  #failed(error) {
    const passing = this.#wasConnected && ["media-lost", "media-failed"].includes(error.name);
    if (passing) this.recovery.failed(error);
    else this.options.onFailed(error);
  }
}
