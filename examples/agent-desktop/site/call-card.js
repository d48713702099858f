/** One call: who it is, what may be done with it, and how it is going. */

import { fillKeys } from "./keys.js";

const STATES = {
  pending: "is calling",
  connecting: "Connecting…",
  ringing: "Ringing…",
  open: "Connected",
  closed: "Over",
};

/** What an agent has to know of; the others are seen in the bars of the quality. */
const WARNINGS = {
  "playback-blocked": "The browser plays no sound: click anywhere to hear them",
  "microphone-lost": "The microphone is gone: they do not hear you",
};

/** As people write numbers, or a telephone link. What is no number is a colleague, such as `2nd-line`. */
const NUMBER = /^(tel:.*|[+*#(]?[\d\s().*#/-]+)$/i;

export class CallCard {
  #call;
  #hooks;
  #clock;
  #warnings = new Set();

  /**
   * @param {object} call of the SDK
   * @param {{ others: () => object[], onError: (error: Error) => void, onTalk: () => void }} hooks
   *   its calls beside this one that are open; what to do with an error; this call is about to be talked in
   */
  constructor(call, hooks) {
    this.#call = call;
    this.#hooks = hooks;
    this.element = document.querySelector("#call-card").content.firstElementChild.cloneNode(true);
    this.#find(".name").textContent = nameOf(call);
    this.element.setAttribute("aria-label", nameOf(call));
    this.#find(".number").textContent = call.displayName ? numberOf(call) : call.direction === "incoming" ? `to ${call.to}` : "";
    const letters = initials(nameOf(call));
    if (letters) this.#find(".avatar").textContent = letters;
    this.#wire();
    this.#listen();
    this.#clock = setInterval(() => this.#tick(), 1000);
    this.refresh();
  }

  /** Returns whether the focus goes with it. */
  remove() {
    clearInterval(this.#clock);
    const focused = this.element.contains(document.activeElement);
    this.element.remove();
    return focused;
  }

  /** Shows what has changed, here or with another call. */
  refresh() {
    const { state, held, reconnecting } = this.#call;
    const warning = WARNINGS[[...this.#warnings].at(-1)];
    this.element.dataset.state = state;
    this.element.toggleAttribute("data-held", held.local || held.remote);
    this.element.toggleAttribute("data-warning", Boolean(warning));
    this.#find(".state").textContent = reconnecting
      ? "The connection is lost; trying again…"
      : warning ?? (held.local
        ? "On hold: they hear music"
        : held.remote
          ? "The other side has put you on hold"
          : STATES[state]);
    this.#press(".mute", this.#call.isMuted());
    this.#press(".hold", held.local);
    const [other] = this.#hooks.others();
    this.#find(".join").hidden = !other;
    if (other) this.#find(".join").textContent = `Connect them with ${nameOf(other)}`;
    this.#tick();
    this.#keepFocus();
  }

  /** "Accept" goes when it is pressed: who uses the keyboard stays at the call. */
  #keepFocus() {
    const { activeElement } = document;
    if (this.element.contains(activeElement) && !activeElement.getClientRects().length) this.element.focus();
  }

  #find(selector) {
    return this.element.querySelector(selector);
  }

  #press(selector, on) {
    this.#find(selector).setAttribute("aria-pressed", String(on));
  }

  #tick() {
    this.#find(".timer").textContent = this.#call.state === "open" ? clock(this.#call.durationMs) : "";
  }

  #wire() {
    const call = this.#call;
    const does = (selector, action) => {
      this.#find(selector).onclick = () => Promise.resolve(action()).catch(this.#hooks.onError);
    };
    does(".accept", () => {
      this.#hooks.onTalk();
      return call.accept();
    });
    does(".reject", () => call.reject());
    does(".hangup", () => call.disconnect());
    does(".mute", () => call.toggleMute());
    does(".hold", () => {
      if (!call.held.local) return call.hold();
      this.#hooks.onTalk();
      return call.resume();
    });
    does(".join", () => this.#transfer(this.#hooks.others()[0]));
    does(".keypad", () => this.#open(".keypad", ".keys"));
    does(".transfer", () => this.#open(".transfer", ".target"));
    fillKeys(this.#find(".keys"), (key) => call.sendDigits(key));
    this.#find(".target").onsubmit = (event) => {
      event.preventDefault();
      const to = this.#find(".target input").value.trim();
      void this.#transfer(NUMBER.test(to) ? to : { identity: to });
    };
  }

  /** A panel is open, or the other one, or none. */
  #open(button, panel) {
    const opens = this.#find(panel).hidden;
    for (const [each, of] of [[".keypad", ".keys"], [".transfer", ".target"]]) {
      this.#find(of).hidden = each !== button || !opens;
      this.#find(each).setAttribute("aria-expanded", String(each === button && opens));
    }
    if (opens) this.#find(`${panel} :is(input, button)`).focus();
  }

  #warn(name, change) {
    if (!(name in WARNINGS)) return;
    this.#warnings[change](name);
    this.refresh();
  }

  /** The other side goes to a number, to a colleague's page, or to the other side of another call. */
  async #transfer(target) {
    this.#find(".state").textContent = "Transferring…";
    try {
      await this.#call.transfer(target);
    } catch (error) {
      this.#hooks.onError(error);
      this.refresh();
    }
  }

  #listen() {
    const call = this.#call;
    for (const event of ["state", "held", "resumed", "mute", "reconnecting", "reconnected"]) {
      call.on(event, () => this.refresh());
    }
    call.on("warning", (name) => this.#warn(name, "add"));
    call.on("warning-cleared", (name) => this.#warn(name, "delete"));
    call.on("volume", (input, output) => {
      this.#find(".input").style.setProperty("--level", input);
      this.#find(".output").style.setProperty("--level", output);
    });
    call.on("quality", ({ browser, trunk }) => {
      const mos = Math.min(...[browser?.mos, trunk?.mos].filter((each) => typeof each === "number"));
      if (!Number.isFinite(mos)) return;
      const bars = mos >= 4 ? 4 : mos >= 3.6 ? 3 : mos >= 3.1 ? 2 : 1;
      const sign = this.#find(".quality");
      sign.hidden = false;
      sign.dataset.bars = bars;
      sign.title = `Sound: ${["", "bad", "poor", "fair", "good"][bars]}`;
    });
  }
}

export const numberOf = (call) => (call.direction === "incoming" ? (call.from ?? "anonymous") : call.to);

export const nameOf = (call) => (call.direction === "incoming" && call.displayName) || numberOf(call);

export function clock(ms) {
  const seconds = Math.floor(ms / 1000);
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
  const two = (value) => String(value).padStart(2, "0");
  return hours ? `${hours}:${two(minutes % 60)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

function initials(name) {
  const letters = name.split(/\s+/).map((word) => word.match(/\p{L}/u)?.[0] ?? "");
  return letters.join("").slice(0, 2).toUpperCase();
}
