// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * The microphones and speakers of the computer, which come and go with their cables: what there is, and
 * what the person has chosen for calls. Browsers tell their names once a microphone is permitted.
 */

import { Emitter } from "./emitter.js";
import { CallError } from "./errors.js";

/** @typedef {import("./call.js").Call} Call */
/** @typedef {Pick<MediaDeviceInfo, "deviceId" | "label">} Device */

/**
 * @typedef {object} AudioEvents
 * @property {[lost: Device[]]} deviceChange something was plugged in, or pulled out: then it is named here
 */

/**
 * @param {Device[]} devices microphones or speakers, of which one each may have the same id
 * @param {string} id
 */
const has = (devices, id) => devices.some(({ deviceId }) => deviceId === id);

/** @extends {Emitter<AudioEvents>} */
export class AudioDevices extends Emitter {
  /** @type {Device[]} */
  #inputs = [];
  /** @type {Device[]} */
  #outputs = [];
  #input = "";
  /** @type {string | undefined} until one is chosen, elements of the page's own are left as they are */
  #output;
  /** The speaker on which calls ring that come in; "" is that of the calls. */
  ringtoneOutput = "";

  /**
   * @param {() => Call[]} calls those that have sound
   * @param {AbortSignal} signal
   */
  constructor(calls, signal) {
    super();
    this.calls = calls;
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.#change(), { signal });
    void this.refresh();
  }

  /** Microphones, as they were last looked at. */
  get inputs() {
    return [...this.#inputs];
  }

  /** Speakers; none where the browser does not let a page choose one. */
  get outputs() {
    return [...this.#outputs];
  }

  /** The chosen microphone; "" is the default one. */
  get input() {
    return this.#input;
  }

  /** The chosen speaker; "" is the default one. */
  get output() {
    return this.#output ?? "";
  }

  /** As Twilio's. */
  get availableInputDevices() {
    return new Map(this.#inputs.map((device) => [device.deviceId, device]));
  }

  /** As Twilio's. */
  get availableOutputDevices() {
    return new Map(this.#outputs.map((device) => [device.deviceId, device]));
  }

  /** As Twilio's. */
  get isOutputSelectionSupported() {
    return "setSinkId" in HTMLMediaElement.prototype;
  }

  /** As Twilio's. */
  get speakerDevices() {
    return this.#collection(this.output, (id) => this.setOutputDevice(id));
  }

  /** As Twilio's: where calls ring that come in. */
  get ringtoneDevices() {
    return this.#collection(this.ringtoneOutput || this.output, async (id) => {
      await this.#check("outputs", id);
      this.ringtoneOutput = id;
    });
  }

  /**
   * What a microphone is opened with. Not `ideal`, for which Chromium takes the default one.
   *
   * @returns {MediaTrackConstraints}
   */
  get constraints() {
    return this.#input ? { deviceId: { exact: this.#input } } : {};
  }

  /** Looks again what there is. */
  async refresh() {
    const devices = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    /** @param {MediaDeviceKind} kind */
    const of = (kind) => devices.filter((device) => device.kind === kind && device.deviceId !== "");
    this.#inputs = of("audioinput");
    this.#outputs = of("audiooutput");
  }

  /**
   * Takes this microphone, for the call that runs and for later ones.
   *
   * @param {string} id "" is the default one
   * @throws {CallError} `microphone-…`, without a call `microphone-not-found`; all stays as it was
   */
  async setInputDevice(id) {
    await this.#check("inputs", id);
    const changed = [];
    try {
      for (const call of this.calls()) {
        await call.setInputDevice(id);
        changed.push(call);
      }
    } catch (error) {
      for (const call of changed) await call.setInputDevice(this.#input).catch(() => {});
      throw error;
    }
    this.#input = id;
  }

  /** As Twilio's. */
  unsetInputDevice() {
    return this.setInputDevice("");
  }

  /**
   * Takes this speaker, for the call that runs and for later ones.
   *
   * @param {string} id "" is the default one
   * @throws {CallError} `speaker-failed`, `unsupported`
   */
  async setOutputDevice(id) {
    await this.#check("outputs", id);
    for (const call of this.calls()) await call.setSinkId(id);
    this.#output = id;
  }

  /** @param {Call} call whose sound begins, or has to go elsewhere */
  follow(call) {
    void this.refresh();
    const output = this.#output;
    if (output === undefined) return;
    call.setSinkId(output).catch(({ name }) => {
      // Gone, and nobody said so: the default one plays
      if (name === "speaker-failed" && this.#output === output) this.#output = "";
    });
  }

  /**
   * Refuses what is not there: without a call nobody else would, and the next one would fail. A browser
   * that permits no microphone yet lists nothing.
   *
   * @param {"inputs" | "outputs"} kind
   * @param {string} id
   */
  async #check(kind, id) {
    if (!id || has(this[kind], id)) return;
    await this.refresh(); // it may be new
    if (!this[kind].length || has(this[kind], id)) return;
    const name = kind === "inputs" ? "microphone-not-found" : "speaker-failed";
    throw new CallError(name, { reason: `no such device: ${id}`, fatal: false });
  }

  /**
   * @param {string} chosen
   * @param {(id: string) => Promise<void>} choose
   */
  #collection(chosen, choose) {
    const set = (/** @type {string | string[]} */ ids) => {
      const [id = ""] = [ids].flat();
      return choose(id === "default" && !has(this.#outputs, id) ? "" : id); // which only Chromium lists
    };
    return { get: () => new Set(this.#outputs.filter(({ deviceId }) => deviceId === (chosen || "default"))), set };
  }

  async #change() {
    const before = [...this.#inputs, ...this.#outputs];
    await this.refresh();
    const lost = before.filter(({ deviceId }) => !has([...this.#inputs, ...this.#outputs], deviceId));
    if (this.#output && !has(this.#outputs, this.#output)) {
      // An element whose speaker is gone falls silent
      this.#output = "";
      for (const call of this.calls()) this.follow(call);
    }
    if (!has(this.#outputs, this.ringtoneOutput)) this.ringtoneOutput = "";
    if (!has(this.#inputs, this.#input)) this.#input = "";
    this.emit("deviceChange", lost);
  }
}
