// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * One session with the gateway (subprotocol gateway.v1): hello and welcome, pings, what a page asks of
 * its session, and frames handed to the calls that they name. It knows no media and no call state. A
 * second hello renews the token; the gateway answers it as the first one. A WebSocket that is lost while
 * there are calls is replaced by another one, and the session goes on.
 */

import { NO_TOKEN } from "./access.js";
import { CallError, errorFromFrame } from "./errors.js";
import { brief, parse, readWelcome } from "./frames.js";
import { mayTry } from "./patience.js";
import { Pulse } from "./pulse.js";
import { Questions } from "./questions.js";
import { Socket } from "./socket.js";
import { Spoken } from "./spoken.js";

const WELCOME_TIMEOUT = 10_000;
/** Between tries to get the session back: short, as somebody talks, or hears nothing. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 2_000;

/** Losses after which the gateway may still have the session. */
const PASSING = new Set(["network", "shutdown", "no-capacity", "gateway-silent", "gateway-unreachable"]);

/** How a gateway closes that has waited long enough for a hello; older ones by 1008. */
const OUT_OF_PATIENCE = new Set([1008, 4408]);

/** @typedef {import("./frames.js").Frame} Frame */
/** @typedef {import("./frames.js").Welcome} Welcome */
/** @typedef {{ token?: string, challenge?: string }} Hello */

/**
 * @typedef {object} Receiver a call, seen from here
 * @property {(frame: Frame) => void} receive
 * @property {(error: CallError) => void} lost the session is over
 * @property {(error: CallError) => void} interrupted the gateway cannot be heard for now
 * @property {() => void} back it can be heard again, and all that was missed has been told
 */

/**
 * @typedef {object} Resumption what brings a page back to its session
 * @property {string} token
 * @property {number} received how many frames of calls have come, `quality` not counted
 */

export class Signaling {
  /** @type {Map<string, Receiver>} */
  #calls = new Map();
  /** @type {Socket | null} */
  #socket = null;
  /** @type {Resumption | null} null where the gateway gives no session back */
  #resumption = null;
  /** Of the session, after its socket is lost; ms. */
  #window = 0;
  /** @type {Frame[]} of calls, for the next socket */
  #unsent = [];
  #spoken = new Spoken();
  /** @type {CallError | null} why there is no socket for now */
  #interruption = null;
  /** performance.now() when the socket was lost */
  #lostAt = 0;
  /** performance.now() at the last try to come back */
  #triedAt = 0;
  #pause = FIRST_PAUSE;
  /** Of the frames that the lost socket has cost, those to come. */
  #missed = 0;
  /** @type {Set<string>} calls that the gateway has, when the session is resumed */
  #alive = new Set();
  /** @type {string[]} calls that this page had then */
  #known = [];
  /** @type {(welcome: Welcome) => void} */
  #resolve = () => {};
  /** @type {(error: CallError) => void} */
  #reject = () => {};
  #questions;
  #pulse;
  #tokenUsed = false;
  #welcomed = false;
  /** @type {(() => Promise<Hello>) | undefined} */
  #sayHello;
  /** @type {Promise<Hello> | undefined} what the first socket says */
  #hello;
  /** Whether a socket is open, and has said nothing yet. */
  #speechless = false;
  /** Whether a hello has crossed the end of the gateway's patience. */
  #crossed = false;
  /** @type {(seconds: number) => void} the gateway takes no new calls; those that run have so long */
  onDraining = () => {};
  /** @type {CallError | null} why the session is over */
  #loss = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} until the welcome, or the next socket */
  #timer;

  /**
   * @param {object} options
   * @param {string} options.url
   * @param {() => () => Promise<Hello>} options.greet what is begun at once, and asked for its end by an open socket
   * @param {(expires: number) => void} options.onExpiring the token ends soon; seconds since the epoch
   * @param {(frame: Frame) => void} options.onIncoming a call from the gateway
   * @param {() => void} options.onUnregistered the gateway has ended it by itself
   * @param {(error: CallError) => void} options.onError a frame that concerns no call
   * @param {(error: CallError) => void} options.onClosed once, when the session is over
   * @param {(error: CallError) => void} options.onReconnecting the socket is lost, another one is tried
   * @param {() => void} options.onReconnected
   * @param {Resumption} [options.resumption] of another page's session
   * @param {(calls: Frame[]) => void} [options.onRestored] its calls
   */
  constructor(options) {
    const { url, greet, onExpiring, onIncoming, onUnregistered, onError, onClosed } = options;
    this.url = url;
    this.onReconnecting = options.onReconnecting;
    this.onReconnected = options.onReconnected;
    this.onRestored = options.onRestored;
    this.#resumption = options.resumption ?? null;
    this.onExpiring = onExpiring;
    this.onIncoming = onIncoming;
    this.onUnregistered = onUnregistered;
    this.onError = onError;
    this.onClosed = onClosed;
    this.#questions = new Questions({
      ready: async () => {
        await this.welcome;
        if (this.#loss) throw new CallError("network", { fatal: false });
      },
      send: (frame) => this.send(frame),
    });
    this.#pulse = new Pulse({
      ping: () => this.#transmit({ type: "ping" }),
      onSilent: () => this.#drop(new CallError("network")),
    });
    /** @type {Promise<Welcome>} the latest; rejects with a CallError */
    this.welcome = this.#expectWelcome();
    if (!this.#resumption) this.#sayHello = greet();
    this.#connect();
  }

  get closed() {
    return this.#loss !== null;
  }

  /** Whether the gateway can be heard. */
  get connected() {
    return this.#welcomed;
  }

  /** How long the gateway keeps calls of a page that it has lost, in ms; 0: not at all. */
  get window() {
    return this.#resumption ? this.#window : 0;
  }

  /** What another page needs to go on with the session; null where that is not possible. */
  get resumption() {
    if (!this.#resumption || !this.window || this.#loss) return null;
    const { token, received } = this.#resumption;
    return { token, received };
  }

  /** Tries at once instead of after the pause: the network has come back, or somebody looks at the page. */
  wake() {
    if (this.#interruption && !this.#socket) this.#connect();
    else if (this.#welcomed) this.probe();
  }

  /** Asks at once whether the gateway is there, since something speaks against it. */
  probe() {
    if (this.#welcomed && this.window) this.#pulse.probe();
  }

  /**
   * Does something once nothing speaks against the socket. What goes into a dead one may arrive all the same,
   * late, and be answered beside what is sent by the next socket. Nothing is done if there is a next one.
   *
   * @param {() => void} act
   */
  whenSure(act) {
    this.#pulse.whenSure(act);
  }

  /** Whether a call has gone out since the last hello. */
  get tokenUsed() {
    return this.#tokenUsed;
  }

  /**
   * @param {string} id
   * @param {Receiver} receiver
   * @throws {CallError} the session is over
   */
  attach(id, receiver) {
    if (this.#loss) throw this.#loss;
    this.#calls.set(id, receiver);
  }

  /** @param {string} id */
  detach(id) {
    this.#calls.delete(id);
  }

  /** @param {Frame} frame */
  send(frame) {
    if (frame.type === "call") this.#tokenUsed = true;
    if (this.#welcomed) this.#transmit(frame);
    else if (this.#interruption && typeof frame.call === "string") this.#unsent.push(frame);
  }

  /**
   * @param {Frame} frame
   * @returns {boolean | undefined} whether it is on its way
   */
  #transmit(frame) {
    const sent = this.#socket?.send(JSON.stringify(frame));
    if (frame.call && this.#spoken.note(frame)) this.probe(); // somebody waits for what comes of it
    return sent;
  }

  #expectWelcome() {
    /** @type {Promise<Welcome>} */
    const welcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Nobody may be waiting when the microphone was refused first.
    welcome.catch(() => {});
    return welcome;
  }

  #connect() {
    this.#expectNews();
    try {
      this.#socket = new Socket(this.url, {
        onOpen: () => void this.#greet(),
        onMessage: (data) => this.#receive(data),
        onGone: (error, code) => {
          // The gateway waits for a hello, but not for as long as a site's server, or a person, may need
          if (this.#speechless || this.#hasCrossed(code)) this.#connectLater();
          // Older ones refuse a session whose hello the network has held up
          else this.#drop((error.name === "session-refused" && this.#interruption) || error);
        },
        stood: () => this.#welcomed,
      });
    } catch (error) {
      this.#lose(/** @type {CallError} */ (error)); // no other try would fare better
    }
  }

  /**
   * Whether the hello was on its way when the gateway had enough: it has not heard it. Told once.
   *
   * @param {number | undefined} code
   */
  #hasCrossed(code) {
    if (this.#crossed || this.#welcomed || !this.#hello || !OUT_OF_PATIENCE.has(code ?? 0)) return false;
    return (this.#crossed = true);
  }

  #connectLater() {
    this.#socket = null;
    const again = () => this.#loss || this.#connect();
    this.#hello?.then(again, () => {});
  }

  #expectNews() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#drop(new CallError("gateway-silent")), WELCOME_TIMEOUT);
  }

  /** @param {CallError} error why the socket is lost */
  #drop(error) {
    const first = this.#interruption ?? error;
    const mine = this.#calls.size > 0 || this.#unsent.length > 0 || this.#spoken.open;
    const late = this.#interruption && performance.now() - this.#lostAt > this.#window;
    if (!this.window || !mine || late || !PASSING.has(error.name)) {
      this.#lose(PASSING.has(error.name) ? first : error);
      return;
    }
    this.#disconnect();
    if (!this.#interruption) this.#interrupt(error);
    // Pages that a gateway loses together must not come back together.
    this.#timer = setTimeout(() => void this.#comeBack(), this.#pause * (0.5 + Math.random() / 2));
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
  }

  /** Tries another socket, unless its failure would cost more than it may bring. */
  async #comeBack() {
    const hopeless = !(await mayTry(this.url, performance.now() - this.#triedAt));
    if (this.#socket || this.#loss || !this.#interruption) return; // woken meanwhile, or closed
    if (hopeless) return this.#drop(new CallError("gateway-unreachable"));
    this.#triedAt = performance.now();
    this.#connect();
  }

  /** @param {CallError} error */
  #interrupt(error) {
    this.#interruption = error;
    this.#lostAt = performance.now();
    this.#triedAt = -Infinity;
    this.#pause = FIRST_PAUSE;
    this.#welcomed = false;
    this.welcome = this.#expectWelcome();
    this.#questions.refuse(error);
    for (const call of [...this.#calls.values()]) call.interrupted(error);
    this.onReconnecting(error);
  }

  #disconnect() {
    clearTimeout(this.#timer);
    this.#pulse.stop();
    this.#socket?.close();
    this.#socket = null;
  }

  /** Ends the session; what was sent before still leaves. */
  close() {
    this.#lose(new CallError("network", { reason: "The session was closed by this page." }));
  }

  /**
   * Says hello with a new token.
   *
   * @param {string | undefined} token
   * @throws {CallError} the session lives on unless that is fatal
   */
  async renew(token) {
    await this.ask({ type: "hello", token }, "welcome");
    this.#tokenUsed = false;
  }

  /**
   * Asks the gateway for something that concerns no call, or one that may be over.
   *
   * @param {Frame} frame
   * @param {string} answer the type of the frame that says yes
   * @returns {Promise<Frame>}
   * @throws {CallError} the session lives on unless that is fatal
   */
  ask(frame, answer) {
    return this.#questions.ask(frame, answer);
  }

  async #greet() {
    if (!this.#socket?.understood) {
      this.#lose(new CallError("version-mismatch"));
      return;
    }
    if (this.#resumption) {
      // What the session was granted stays: no token, which may be good for one call only.
      const { token, received } = this.#resumption;
      this.#transmit({ type: "hello", resume: token, received });
      return;
    }
    clearTimeout(this.#timer);
    this.#speechless = true;
    try {
      const hello = await (this.#hello ??= this.#sayHello?.());
      if (!this.#socket) return; // gone meanwhile
      this.#expectNews();
      this.#speechless = !this.#transmit({ type: "hello", ...hello });
    } catch (error) {
      this.#lose(new CallError("session-refused", { reason: NO_TOKEN, original: error }));
    }
  }

  /** @param {unknown} data */
  #receive(data) {
    const frame = parse(data);
    if (!frame) {
      this.onError(new CallError("protocol", { reason: `not a frame: ${brief(data)}`, fatal: false }));
    } else if (!this.#welcomed) {
      this.#open(frame);
    } else if (frame.type === "pong") {
      this.#pulse.hear();
    } else if (typeof frame.call === "string") {
      this.#hand(frame.call, frame);
    } else if (frame.type === "error") {
      this.#complain(errorFromFrame(frame, false));
    } else {
      this.#news(frame);
    }
  }

  /**
   * @param {string} call
   * @param {Frame} frame
   */
  #hand(call, frame) {
    if (this.#resumption && frame.type !== "quality") this.#resumption.received += 1;
    if (frame.type === "ended" || frame.fatal) this.#spoken.forget(call);
    const receiver = this.#calls.get(call);
    const answered = this.#questions.settle(frame);
    if (receiver && !answered) receiver.receive(frame);
    else if (frame.type === "incoming") this.onIncoming(frame);
    // Others are for a call that is over, and crossed our hangup on the way: no fault of anybody's.
    if (this.#missed > 0 && frame.type !== "quality") {
      this.#missed -= 1;
      if (this.#missed === 0) this.#settle();
    }
  }

  /** All that was missed has been told: what only one side takes for alive is over. */
  #settle() {
    const unsent = this.#unsent.splice(0);
    for (const frame of unsent) this.#transmit(frame);
    for (const call of this.#alive) {
      // This page may have ended it before it had an answer
      const told = this.#calls.has(call) || unsent.some((frame) => frame.call === call);
      if (!told) this.#transmit({ type: "hangup", call });
    }
    for (const call of this.#known) {
      const placed = unsent.some((frame) => frame.type === "call" && frame.call === call);
      if (!placed && !this.#alive.has(call)) this.#calls.get(call)?.lost(new CallError("network"));
    }
    for (const call of [...this.#calls.values()]) call.back();
    this.onReconnected();
  }

  /** @param {Frame} frame that concerns no call; types of later versions are no error */
  #news(frame) {
    if (frame.type === "welcome") this.welcome = Promise.resolve(readWelcome(frame));
    if (this.#questions.hear(frame)) return;
    if (frame.type === "unregistered") {
      this.onUnregistered();
    } else if (frame.type === "tokenWillExpire" && typeof frame.expires === "number") {
      this.onExpiring(frame.expires);
    } else if (frame.type === "draining" && typeof frame.seconds === "number") {
      this.onDraining(frame.seconds);
    }
  }

  /** @param {CallError} error of no call: of a request, if one is on its way */
  #complain(error) {
    if (!error.fatal && this.#questions.refuse(error)) return;
    this.onError(error);
    if (error.fatal) this.#lose(error);
  }

  /** @param {Frame} frame the first one */
  #open(frame) {
    if (frame.type === "welcome") {
      this.#enter(frame);
    } else if (frame.type === "error") {
      this.#lose(errorFromFrame(frame, true));
    } else {
      this.#lose(new CallError("protocol", { reason: `${frame.type} came before welcome` }));
    }
  }

  /** @param {Frame} frame the welcome on a new socket */
  #enter(frame) {
    const wanted = this.#resumption !== null;
    if (wanted && frame.resume !== "resumed") {
      // One that was started since has never heard of the session: nothing is wrong with the person's network.
      this.#lose(frame.resume === "unknown" ? new CallError("shutdown") : (this.#interruption ?? new CallError("network")));
      return;
    }
    this.#welcomed = true;
    this.#adopt(frame);
    this.#resolve(readWelcome(frame));
    clearTimeout(this.#timer);
    this.#pulse.begin();
    if (!wanted) return;
    const calls = /** @type {Frame[]} */ (Array.isArray(frame.calls) ? frame.calls : []);
    this.#interruption = null;
    this.#alive = new Set(calls.map(({ call }) => String(call)));
    this.#known = [...this.#calls.keys()];
    this.onRestored?.(calls);
    this.onRestored = undefined;
    if (this.#missed === 0) this.#settle();
  }

  /** @param {Frame} frame what its session can be resumed by */
  #adopt({ resumeToken, resumeWindow, heard, received, missed }) {
    this.#window = typeof resumeWindow === "number" ? 1000 * resumeWindow : 0;
    this.#missed = Number(missed ?? 0);
    this.#unsent.unshift(...this.#spoken.unheard(heard));
    this.#resumption =
      this.#window && typeof resumeToken === "string" ? { token: resumeToken, received: Number(received ?? 0) } : null;
  }

  /** @param {CallError} error */
  #lose(error) {
    if (this.#loss) return;
    this.#loss = error;
    this.#welcomed = false;
    this.#disconnect();
    this.#reject(error);
    this.#questions.refuse(error);
    for (const call of [...this.#calls.values()]) call.lost(error);
    this.#calls.clear();
    this.onClosed(error);
  }
}
