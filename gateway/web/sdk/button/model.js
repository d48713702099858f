// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * What the element knows, and how it changes: a pure function of what it knew and what happened.
 * What is shown, said and offered follows from it alone, so that no two parts of the panel disagree.
 */

/**
 * - `idle`: no call
 * - `consent`: the caller is asked whether they agree
 * - `number`: the caller is asked for a number, since the page has given none
 * - `starting`: microphone and session are being opened
 * - `connecting`, `ringing`, `open`: as the call's own states
 * - `incoming`: a call rings here
 * - `ended`: the call is over, and why can be read
 *
 * @typedef {"idle" | "consent" | "number" | "starting" | "connecting" | "ringing" | "incoming" | "open" | "ended"} Phase
 */

/** @typedef {"" | "keypad" | "transfer" | "settings"} View what is unfolded in the panel during a call */
/** @typedef {"" | "good" | "fair" | "poor"} Grade */

/**
 * @typedef {object} End
 * @property {string} cause a word of the client's `ENDINGS`
 * @property {"normal" | "canceled" | "unanswered" | "refused" | "failed"} kind
 * @property {string} message the client's sentence, for a cause that the texts do not know
 * @property {boolean} missed an incoming call that nobody here has answered or declined
 * @property {boolean} rateable both sides have talked
 */

/**
 * @typedef {object} Model
 * @property {Phase} phase
 * @property {View} view
 * @property {boolean} minimized the call goes on, and the panel is put away
 * @property {boolean} waiting for the caller, who has to allow the microphone
 * @property {boolean} muted
 * @property {{ local: boolean, remote: boolean }} held
 * @property {boolean} reconnecting
 * @property {boolean} transferring
 * @property {readonly string[]} warnings those that hold, the latest last
 * @property {string} notice what was refused last, in words; the call goes on
 * @property {Grade} quality
 * @property {boolean} answered
 * @property {End | null} end
 * @property {"" | "asked" | "sent"} feedback
 */

/**
 * @typedef {{ type: "consent" | "number" | "start" | "waiting" | "incoming" | "accept" | "refused" | "close" | "rated" }
 *   | { type: "progress", state: "connecting" | "ringing" | "open" }
 *   | { type: "mute", on: boolean }
 *   | { type: "held", held: { local: boolean, remote: boolean } }
 *   | { type: "reconnecting" | "transferring" | "minimize", on: boolean }
 *   | { type: "warning", name: string, on: boolean }
 *   | { type: "notice", text: string }
 *   | { type: "quality", mos: number | null }
 *   | { type: "view", view: View }
 *   | { type: "end", end: End, feedback: boolean }} Happening
 */

/** @type {Readonly<Model>} */
export const IDLE = Object.freeze({
  phase: "idle",
  view: "",
  minimized: false,
  waiting: false,
  muted: false,
  held: Object.freeze({ local: false, remote: false }),
  reconnecting: false,
  transferring: false,
  warnings: Object.freeze([]),
  notice: "",
  quality: "",
  answered: false,
  end: null,
  feedback: "",
});

const RESTING = new Set(["idle", "consent", "number", "ended"]);

/** @param {Model} model whether there is a call, or one is being placed */
export const isBusy = ({ phase }) => !RESTING.has(phase);

/** Of what a person hears (ITU-T G.107 Annex B): most are satisfied, or many are not. */
const FAIR = 3.1;
const GOOD = 3.6;

/**
 * @param {number | null} mos the worse one of both legs
 * @returns {Grade}
 */
const gradeOf = (mos) => (mos === null ? "" : mos >= GOOD ? "good" : mos >= FAIR ? "fair" : "poor");

/**
 * @param {Readonly<Model>} model
 * @param {Happening} event
 * @returns {Readonly<Model>} the same one where nothing changes
 */
export function step(model, event) {
  const busy = isBusy(model);
  switch (event.type) {
    case "consent":
    case "number":
      return busy ? model : { ...IDLE, phase: event.type };
    case "start":
      return busy ? model : { ...IDLE, phase: "starting" };
    case "incoming":
      return busy ? model : { ...IDLE, phase: "incoming" };
    case "waiting":
      return model.phase === "starting" ? { ...model, waiting: true } : model;
    case "accept":
      return model.phase === "incoming" ? { ...model, phase: "connecting", notice: "" } : model;
    case "refused": // the microphone was: the call rings on
      return model.phase === "connecting" ? { ...model, phase: "incoming" } : model;
    case "progress":
      return busy ? { ...model, phase: event.state, waiting: false, answered: event.state === "open", notice: "" } : model;
    case "end":
      return { ...IDLE, phase: "ended", end: event.end, feedback: event.feedback && event.end.rateable ? "asked" : "" };
    case "close":
      return busy ? model : IDLE;
    case "rated":
      return { ...model, feedback: model.feedback && "sent" };
    default:
      return busy ? { ...model, ...during(model, event) } : model;
  }
}

/**
 * @param {Readonly<Model>} model of a call
 * @param {Happening} event
 * @returns {Partial<Model>} what changes by it
 */
function during(model, event) {
  switch (event.type) {
    case "mute":
      return { muted: event.on, notice: "" };
    case "held":
      return { held: event.held, notice: "" };
    case "reconnecting":
      return event.on ? { reconnecting: true, quality: "" } : { reconnecting: false };
    case "transferring":
      return event.on ? { transferring: true, notice: "", view: "" } : { transferring: false };
    case "minimize":
      return { minimized: event.on };
    case "warning": {
      const others = model.warnings.filter((name) => name !== event.name);
      return { warnings: event.on ? [...others, event.name] : others };
    }
    case "notice":
      return { notice: event.text };
    case "quality":
      // While one leg is lost, the other one's says nothing of what is heard
      return model.reconnecting ? {} : { quality: gradeOf(event.mos) };
    case "view":
      return { view: model.view === event.view ? "" : event.view };
    default:
      return {};
  }
}

/** Text of each phase; `ended` says why. */
const PHASES = {
  idle: "state.idle",
  consent: "button.consent-title",
  number: "state.idle",
  starting: "state.connecting",
  connecting: "state.connecting",
  ringing: "state.ringing",
  incoming: "state.pending",
  open: "state.open",
  ended: "state.closed",
};

/**
 * The line that tells how it stands: the most urgent thing there is to say.
 *
 * @param {Readonly<Model>} model
 * @returns {string} key of the texts
 */
export function statusKey(model) {
  const { phase, end, held, warnings } = model;
  if (phase === "ended") return end?.missed ? "state.missed" : `error.${end?.cause}`;
  if (model.waiting) return "state.microphone";
  if (model.reconnecting) return "state.reconnecting";
  if (model.transferring) return "state.transferring";
  const warning = warnings.at(-1);
  if (phase === "open" && warning) return `warning.${warning}`;
  if (phase === "open" && held.local) return "state.held";
  if (phase === "open" && held.remote) return "state.held-remote";
  if (phase === "open" && model.muted) return "state.muted";
  return PHASES[phase];
}

/**
 * The states that a page can style by `:state(…)`.
 *
 * @param {Readonly<Model>} model
 * @param {boolean} expanded whether the panel is seen
 * @returns {string[]}
 */
export function statesOf(model, expanded) {
  const { held, end } = model;
  const flags = {
    busy: isBusy(model),
    expanded,
    muted: model.muted,
    held: held.local || held.remote,
    reconnecting: model.reconnecting,
    failed: end !== null && ["failed", "refused", "unanswered"].includes(end.kind),
    unanswered: end?.kind === "unanswered",
    warning: model.warnings.length > 0,
    [`quality-${model.quality}`]: model.quality !== "",
  };
  return [model.phase, ...Object.keys(flags).filter((flag) => flags[flag])];
}
