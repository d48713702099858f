// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * `<click-to-call>`: the button that becomes the panel of the call. It joins the line, which knows the
 * call, and the panel, which shows it; in between is one model, that `step` alone changes.
 */

import { spokenAs } from "../voice/errors.js";
import { consentKeyOf, isPanel, nameOf, parametersOf } from "./attributes.js";
import { hasConsent, keepConsent } from "./consent.js";
import { translate } from "./dom.js";
import { Exchange } from "./exchange.js";
import { forget, hold, holderBeside, letGo, wasHeld } from "./holder.js";
import { statesOn } from "./host.js";
import { Panel } from "./panel.js";
import { Fold, focusedIn, moveFocus } from "./fold.js";
import { IDLE, isBusy, statesOf, step } from "./model.js";
import { styleSheet } from "./styles.js";
import { makeLauncher } from "./template.js";
import { languageOf, Wording } from "./texts.js";
import { clock, spoken } from "./view.js";
import { callerOf, showLauncher, showWho } from "./who.js";

/** @typedef {import("../voice-client.js").ConnectOptions} ConnectOptions */
/** @typedef {import("./model.js").Happening} Happening */

const TICK = 500;
/** Sooner than anybody sees, and later than a call leaves whose microphone opens at once. */
const SOON = 20;
/** The second click of a double click finds the panel where the button was. */
const DOUBLE_CLICK = 400;

// A server that renders the page first imports this as well, and has no elements
const Base = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? Object);

export class ClickToCall extends Base {
  static observedAttributes = [
    "to", "label", "heading", "lang", "consent", "variant", "placement", "fallback-tel", "identity", "transfer",
    "gateway", "token", "token-url", "id",
  ];

  /** @type {Partial<ConnectOptions>} */
  #parameters = {};
  /** @type {NonNullable<import("../voice-client.js").DeviceOptions["fetchToken"]> | null} */
  #fetchToken = null;
  #model = IDLE;
  #words = new Wording();
  #root = this.attachShadow({ mode: "open" });
  #launcher = makeLauncher();
  #showStates = statesOn(this);
  /** @type {Panel | null} */
  #panel = null;
  #exchange = new Exchange(this, {
    element: this.#launcher.audio,
    happen: (event) => this.#happen(event),
    tell: (call, name, detail) => this.#tell(name, { call, ...detail }),
    explain: (...error) => this.#explain(...error),
    showLevels: (input, output) => this.#panel?.showLevels(input, output),
    showDigit: (digit) => this.#panel?.keypad.show(digit),
    onDevices: () => this.#panel?.translate(this.#words),
    mayRing: () => !isBusy(this.#model) && !holderBeside(this),
  });
  /** @type {Partial<ConnectOptions>} of the call that is seen, or waits for consent or a number */
  #asked = {};
  #fold = new Fold(this, this.#launcher.element);
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ticking;
  /** @type {import("./model.js").Model | null} what is seen, until that is drawn which is true by now */
  #undrawn = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #drawing;
  /** When the panel last became another one by the caller's own hand. */
  #turned = -Infinity;
  #agreed = false;

  constructor() {
    super();
    const { element, live, audio } = this.#launcher;
    this.#root.adoptedStyleSheets = [styleSheet()];
    this.#root.append(element, live, audio);
    element.addEventListener("click", () => this.#press());
    // Whoever comes near may well call: what takes time is made ready
    for (const sign of ["pointerover", "focusin"]) this.addEventListener(sign, () => this.#prepare());
  }

  get #line() {
    return this.#exchange.line;
  }

  /** One of the phases of a call; the other states are flags. */
  get state() {
    return this.#model.phase;
  }

  /** The present call, or the last one: a `Call` of the client. */
  get call() {
    return this.#line?.call ?? null;
  }

  /** Why the last call failed, for the page's author. */
  get error() {
    return this.#line?.error ?? null;
  }

  /** Over those of the language, by key; each may have the {places} of the original. */
  get texts() {
    return this.#words.own;
  }

  set texts(texts) {
    this.#words.own = { ...texts };
    this.#translate();
  }

  /** Of each call, below what the attributes say. */
  get parameters() {
    return this.#parameters;
  }

  set parameters(parameters) {
    this.#parameters = { ...parameters };
  }

  /** Where call tokens come from, instead of `token-url`. */
  get fetchToken() {
    return this.#fetchToken;
  }

  set fetchToken(fetch) {
    this.#fetchToken = fetch;
    if (this.#line) this.#exchange.reach();
  }

  connectedCallback() {
    for (const name of /** @type {const} */ (["texts", "parameters", "fetchToken"])) {
      // Set by the page before this class was loaded
      if (!Object.hasOwn(this, name)) continue;
      const value = this[name];
      Reflect.deleteProperty(this, name);
      Object.assign(this, { [name]: value });
    }
    this.#translate();
    void this.#speak();
    this.#takeUp();
    this.#exchange.reach();
  }

  disconnectedCallback() {
    this.#fold.close();
    // One that is moved within the page is back at once
    queueMicrotask(() => {
      if (this.isConnected) return;
      this.#exchange.close();
      this.#happen({ type: "close" });
      letGo(this);
    });
  }

  /**
   * @param {string} name
   * @param {string | null} before
   * @param {string | null} now
   */
  attributeChangedCallback(name, before, now) {
    if (before === now || !this.isConnected) return;
    this.#takeUp(); // by this attribute it may be known again
    if (name === "lang") void this.#speak();
    else if (["identity", "gateway", "token", "token-url"].includes(name)) {
      if (name === "token" && before && now) void this.#line?.useToken(now);
      this.#exchange.reach();
    } else this.#translate();
  }

  /**
   * Calls, as a click on the button does: consent is asked for first, and a second time is harmless.
   *
   * @param {Partial<ConnectOptions>} [parameters] over the attributes
   */
  dial(parameters = {}) {
    const beside = holderBeside(this);
    if (beside instanceof ClickToCall) beside.expand();
    if (beside || isBusy(this.#model)) return;
    this.#asked = { ...this.parameters, ...parametersOf(this), ...parameters };
    this.#agreed = false;
    this.#proceed();
  }

  /** Answers a call that rings here. */
  accept() {
    void this.#line?.accept(this.#parameters.audio);
  }

  /** Hangs up, gives up, or declines. */
  hangUp() {
    this.#line?.hangUp();
  }

  /** Shows the panel of a call that was put away. */
  expand() {
    this.#happen({ type: "minimize", on: false });
  }

  /** Goes on with the call that it had before the page was loaded again. */
  #takeUp() {
    if (!wasHeld(nameOf(this))) return;
    forget();
    void this.#exchange.open().restore(this.parameters.audio).then(() => this.#exchange.reach());
  }

  /** Asks what has to be asked, and calls when nothing is left. */
  #proceed() {
    const { to } = this.#asked;
    if (!to) this.#happen({ type: "number" });
    else if (this.#mustAgree) this.#happen({ type: "consent" });
    else this.#place(to);
  }

  get #mustAgree() {
    return this.hasAttribute("consent") && !this.#agreed && !hasConsent(consentKeyOf(this));
  }

  #agree() {
    keepConsent(consentKeyOf(this));
    this.#agreed = true;
    this.#tell("agreed");
    this.#proceed();
  }

  /** @param {string} to */
  #place(to) {
    const parameters = { ...this.#asked, to };
    if (!this.#tell("before", { parameters }, true)) {
      this.#asked = {};
      this.#happen({ type: "close" });
      return;
    }
    void this.#exchange.open().dial(parameters);
    this.#happen({ type: "start" });
  }

  /** @param {string} number */
  #useNumber(number) {
    if (this.#model.view === "transfer") {
      void this.#line?.transfer(number);
    } else {
      this.#asked = { ...this.#asked, to: number };
      this.#proceed();
    }
  }

  /**
   * @param {number} score
   * @param {string} issue
   */
  #rate(score, issue) {
    const { call } = this;
    if (this.#tell("feedback", { score, issue, call }, true)) void this.#line?.rate(score, issue);
    this.#happen({ type: "rated" });
  }

  #press() {
    this.#launcher.element.focus(); // a click on a button gives it no focus in Safari
    if (isBusy(this.#model)) this.expand();
    else this.dial();
  }

  async #speak() {
    await this.#words.use(languageOf(this));
    this.#translate();
  }

  /**
   * @param {import("../voice-client.js").CallError} error
   * @param {string} [outcome] what it has come to, by the name of an error
   */
  #explain({ name, sipCode, message }, outcome) {
    const word = spokenAs(name, sipCode);
    const said = [word, outcome === word ? "" : outcome].map((each) => this.#words.find(`error.${each}`));
    return [said[1], said[0] ?? message, this.#words.find(`advice.${word}`)].filter(Boolean).join(" ");
  }

  #translate() {
    const { language, direction, t } = this.#words;
    for (const element of [this.#launcher.element, this.#launcher.live, this.#panel?.element]) {
      element?.setAttribute("lang", language);
      element?.setAttribute("dir", direction);
    }
    translate(this.#root, t);
    this.#panel?.translate(this.#words);
    this.#render(this.#model);
  }

  /** @param {Happening} event */
  #happen(event) {
    const wanted = event.type === "end" ? { ...event, feedback: event.feedback && this.hasAttribute("feedback") } : event;
    const before = this.#model;
    this.#model = step(before, wanted);
    if (this.#model === before) return;
    const { phase } = this.#model;
    if (phase === "idle") {
      this.#asked = {};
      this.#agreed = false;
      // The call may have kept a line that is not as the page wants it any more
      this.#exchange.reach();
    }
    if (isBusy(this.#model)) hold(this, nameOf(this));
    else letGo(this);
    if (event.type === "start") this.#renderSoon(before);
    else this.#render(before);
    if (phase === before.phase) return;
    const detail = { state: phase, previous: before.phase, call: this.call, end: this.call?.end ?? null, error: this.error };
    this.#tell("state", detail);
    this.#tell(phase, detail);
  }

  /**
   * @param {string} name
   * @param {object} [detail]
   * @param {boolean} [cancelable]
   * @returns {boolean} false where a listener has canceled it
   */
  #tell(name, detail = {}, cancelable = false) {
    return this.dispatchEvent(new CustomEvent(`click-to-call:${name}`, { bubbles: true, composed: true, cancelable, detail }));
  }

  /** @param {import("./model.js").Model} model */
  #isExpanded({ phase, minimized }) {
    return isPanel(this) || (phase !== "idle" && !minimized);
  }

  /**
   * Draws the panel once a call has left, if it does so at once: what takes 30 ms the first time would hold it up.
   *
   * @param {import("./model.js").Model} before
   */
  #renderSoon(before) {
    this.#showStates(statesOf(this.#model, this.#isExpanded(this.#model)));
    this.#undrawn = before;
    this.#drawing = setTimeout(() => this.#render(before), SOON);
  }

  /** @param {import("./model.js").Model} before */
  #render(before) {
    clearTimeout(this.#drawing);
    const drawn = this.#undrawn ?? before;
    this.#undrawn = null;
    const model = this.#model;
    const expanded = this.#isExpanded(model);
    const seen = this.#panel !== null && !this.#panel.element.hidden;
    const goesOn = isBusy(model) && isBusy(drawn) && drawn.phase !== "incoming";
    const turned = drawn !== model && (expanded !== seen || (model.phase !== drawn.phase && !goesOn));
    if (turned) this.#turned = performance.now();
    const focused = focusedIn(this, this.#root);
    this.#showStates(statesOf(model, expanded));
    showLauncher(this.#launcher, this, model, this.#words, expanded);
    if (expanded) this.#panel ??= this.#makePanel();
    if (this.#panel) this.#fold.show(this.#panel.element, expanded);
    if (expanded && this.#panel) this.#showPanel(this.#panel);
    const said = spoken(model, this.#words, callerOf(this, this.#asked.to, this.#words).name);
    if (this.#launcher.live.textContent !== said) this.#launcher.live.textContent = said;
    moveFocus(this.#root, focused, this.#launcher.element, expanded ? this.#panel?.element : undefined);
    this.#keepTime();
  }

  /** @param {Panel} panel */
  #showPanel(panel) {
    const line = this.#line;
    showWho(panel.parts, this, callerOf(this, this.#asked.to, this.#words), this.#words);
    panel.show(this.#model, this.#words, {
      call: this.call?.direction !== "incoming",
      transfer: !line?.missing.has("transfer") && (this.hasAttribute("transfer") || line?.canTransfer === true),
      hold: !line?.missing.has("hold"),
      close: !isPanel(this) || this.#model.phase !== "idle",
      minimize: !isPanel(this),
    });
  }

  #makePanel() {
    const line = () => this.#line;
    const panel = new Panel({
      start: () => this.dial(),
      again: () => this.dial(this.#asked),
      agree: () => this.#agree(),
      accept: () => this.accept(),
      hangUp: () => this.hangUp(),
      close: () => this.#happen({ type: "close" }),
      minimize: () => this.#happen({ type: "minimize", on: true }),
      mute: () => line()?.call?.toggleMute(),
      hold: () => void line()?.toggleHold(),
      unfold: (view) => this.#happen({ type: "view", view }),
      sendDigit: (digit) => line()?.call?.sendDigits(digit),
      useNumber: (number) => this.#useNumber(number),
      choose: async (kind, id) => line()?.choose(kind, id),
      chosen: (kind) => line()?.device.audio[kind] ?? "",
      rate: (score, issue) => this.#rate(score, issue),
    });
    const { element } = panel;
    element.addEventListener(
      "click",
      (event) => {
        if (event.detail && performance.now() - this.#turned < DOUBLE_CLICK) event.stopPropagation();
      },
      { capture: true },
    );
    this.#launcher.element.after(element);
    element.lang = this.#words.language;
    element.dir = this.#words.direction;
    panel.translate(this.#words);
    return panel;
  }

  #keepTime() {
    const { answered } = this.#model;
    if (!answered) {
      clearInterval(this.#ticking);
      this.#ticking = undefined;
    } else this.#ticking ??= setInterval(() => this.#showTime(), TICK);
    this.#showTime();
  }

  #showTime() {
    const time = clock(this.call?.durationMs ?? 0);
    if (this.#panel) this.#panel.parts.clock.textContent = time;
    if (this.#model.answered) this.#launcher.clock.textContent = time;
  }

  #prepare() {
    // Before they agree, neither the gateway nor the site's server hears of anybody
    if (this.#model.phase === "idle" && !holderBeside(this) && !this.#mustAgree) this.#exchange.open().prepare();
  }
}
