// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** What the page shows: the dial, the figures, the steps, and in the end the reasons and the list for administrators. */

import { Chart } from "./chart.js";
import { LIMITS } from "/sdk/voice/preflight/verdict.js";

/** @typedef {import("/sdk/voice/preflight/run.js").Progress} Progress */
/** @typedef {import("/sdk/voice/preflight/verdict.js").Report} Report */
/** @typedef {import("/sdk/voice/preflight/echo.js").Sample} Sample */

/**
 * What each step is called, and what share of the whole it takes.
 *
 * @type {Readonly<Record<string, { text: string, suffix?: string, share: number }>>}
 */
const STEPS = {
  "microphone": { text: "microphone", share: 10 },
  "signaling": { text: "signaling", share: 10 },
  "connection": { text: "connection", share: 10 },
  "host": { text: "host", share: 4 },
  "reflexive": { text: "reflexive", share: 4 },
  "relay-udp": { text: "relay", suffix: "UDP", share: 4 },
  "relay-tcp": { text: "relay", suffix: "TCP", share: 4 },
  "relay-tls": { text: "relay", suffix: "TLS", share: 4 },
  "sound": { text: "sound", share: 50 },
};
const SOUND_SECONDS = 5;
const FLOOR = 60; // dB of the meter

/** @param {string} id */
function find(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

export class View {
  /** @type {() => void} */
  onStart = () => {};
  /** @type {() => void} */
  onStop = () => {};
  #texts;
  #app = find("app");
  #start = find("start");
  #stop = find("stop");
  #chart = new Chart(find("chart"));
  /** @type {Map<string, number>} shares that are done */
  #done = new Map();
  /** @type {Map<string, HTMLElement>} */
  #steps = new Map();
  /** @type {Report | null} */
  #report = null;

  /** @param {Readonly<Record<string, string>>} texts */
  constructor(texts) {
    this.#texts = texts;
    for (const each of document.querySelectorAll("[data-text]")) {
      each.textContent = texts[/** @type {HTMLElement} */ (each).dataset.text ?? ""] ?? each.textContent;
    }
    document.title = texts["preflight.title"];
    this.#onPress(this.#start, () => this.onStart());
    this.#onPress(this.#stop, () => this.onStop());
    this.#offerCopy("copy-rules", () => this.#rulesAsText());
    this.#offerCopy("copy-report", () => JSON.stringify(this.#report, null, 2));
    this.#listSteps();
  }

  /** @param {string} text */
  intro(text) {
    find("intro").textContent = text;
  }

  begin() {
    this.#app.dataset.state = "running";
    this.#report = null;
    this.#done.clear();
    this.#listSteps();
    this.#chart.clear();
    for (const { step } of LIMITS) this.#figure(step, null);
    for (const id of ["start", "reasons", "administrator", "copied"]) find(id).hidden = true;
    for (const id of ["stop", "progress"]) find(id).hidden = false;
    find("title").textContent = this.#texts["preflight.running"];
    this.intro(this.#texts["preflight.speak"]);
    this.#say(this.#texts["preflight.running"]);
    this.#stop.focus();
    this.#turn();
  }

  /** @param {Progress} progress */
  follow(progress) {
    const { step, state, ms, level, sample } = progress;
    const share = STEPS[step].share;
    if (state !== "running") this.#done.set(step, share);
    else if (sample) this.#done.set(step, Math.min(1, sample.seconds / SOUND_SECONDS) * share * 0.95);
    this.#mark(step, state);
    if (typeof ms === "number") this.#tell(step, milliseconds(ms));
    if (progress.path) this.#add(step, wayOf(progress.path, this.#texts));
    if (level !== undefined) this.#meter(level);
    if (sample) this.#measure(sample);
    this.#turn();
  }

  /** @param {Report} report */
  show(report) {
    this.#report = report;
    this.#app.dataset.state = report.verdict;
    this.#offerStart();
    this.#start.textContent = this.#texts["preflight.again"];
    find("title").textContent = report.message;
    this.intro("");
    this.#finish(report);
    /** @type {Set<string>} what is said once helps against all */
    const advised = new Set();
    const reasons = report.reasons.map((reason) => reasonCard(reason, advised));
    find("reasons").replaceChildren(...reasons);
    find("reasons").hidden = !reasons.length;
    this.#listRules(report);
    find("administrator").hidden = false;
    this.#turn(100);
    this.#say([report.message, ...report.reasons.map(({ message }) => message)].join(" "));
    find("title").focus();
  }

  /** @param {unknown} error the test itself is broken */
  give(error) {
    this.#app.dataset.state = "failed";
    this.#offerStart();
    find("title").textContent = this.#texts["preflight.failed"];
    this.intro(error instanceof Error ? error.message : String(error));
  }

  #offerStart() {
    for (const id of ["stop", "progress"]) find(id).hidden = true;
    this.#start.hidden = false;
  }

  /**
   * Both buttons have one place: the second one of two clicks is not meant for the other, nor is a key that is held down.
   *
   * @param {HTMLElement} button
   * @param {() => void} act
   */
  #onPress(button, act) {
    button.addEventListener("keydown", (event) => event.repeat && event.preventDefault());
    button.addEventListener("click", ({ detail }) => {
      if (detail < 2) act();
    });
  }

  /** @param {string} text */
  #say(text) {
    find("status").textContent = text;
  }

  /** @param {number} [to] per cent */
  #turn(to) {
    const percent = Math.round(to ?? [...this.#done.values()].reduce((sum, each) => sum + each, 0));
    find("ring").style.setProperty("--done", String(percent));
    find("percent").textContent = this.#app.dataset.state === "running" ? `${percent} %` : "";
    find("progress").setAttribute("aria-valuenow", String(percent));
  }

  #listSteps() {
    this.#steps.clear();
    for (const [name, { text, suffix }] of Object.entries(STEPS)) {
      const step = make("li", "step");
      const label = this.#texts[`preflight.${text}`] + (suffix ? ` (${suffix})` : "");
      step.append(make("span", "mark"), make("span", "label", label), make("span", "said"));
      this.#steps.set(name, step);
    }
    find("steps").replaceChildren(...this.#steps.values());
  }

  /**
   * @param {string} name
   * @param {string} state
   */
  #mark(name, state) {
    const step = this.#steps.get(name);
    if (!step || step.dataset.state === state) return;
    step.dataset.state = state;
    const words = { passed: "passed", failed: "not-passed", warned: "warned", skipped: "skipped", running: "running" };
    this.#tell(name, this.#texts[`preflight.${words[/** @type {keyof typeof words} */ (state)]}`]);
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  #tell(name, text) {
    const said = this.#steps.get(name)?.querySelector(".said");
    if (said) said.textContent = text;
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  #add(name, text) {
    const step = this.#steps.get(name);
    if (!step || !text) return;
    const more = step.querySelector(".more") ?? step.appendChild(make("span", "more"));
    more.textContent = text;
  }

  /** @param {number} level in dBFS */
  #meter(level) {
    const step = this.#steps.get("microphone");
    if (!step) return;
    let bar = /** @type {HTMLElement | null} */ (step.querySelector(".meter i"));
    if (!bar) {
      const meter = make("span", "meter");
      meter.setAttribute("aria-hidden", "true");
      bar = meter.appendChild(document.createElement("i"));
      step.append(meter);
    }
    bar.style.setProperty("--level", String(Math.max(0, 1 + level / FLOOR).toFixed(3)));
  }

  /** @param {Sample} sample */
  #measure(sample) {
    for (const { step, read, scale } of LIMITS) {
      const value = read(sample);
      this.#figure(step, value === null ? null : scale * value);
    }
    if (sample.rttMs !== null) this.#chart.add(sample.seconds, sample.rttMs);
  }

  /**
   * @param {string} step
   * @param {number | null} value
   */
  #figure(step, value) {
    const figure = find(`figure-${step}`);
    const limit = LIMITS.find((each) => each.step === step);
    const shown = figure.querySelector("b");
    if (!shown || !limit) return;
    shown.textContent = value === null ? "–" : readable(value);
    const raw = (value ?? 0) / limit.scale;
    figure.dataset.verdict = value === null ? "" : raw >= limit.poor ? "poor" : raw >= limit.fair ? "fair" : "good";
  }

  /** @param {Report} report */
  #finish({ microphone, echo, reasons, signaling }) {
    for (const [name, step] of this.#steps) {
      if (!step.dataset.state || step.dataset.state === "running") this.#mark(name, "skipped");
    }
    const names = reasons.map(({ name }) => name);
    if (names.some((name) => name.startsWith("level-"))) this.#mark("microphone", "warned");
    if (names.includes("udp-blocked")) this.#mark("connection", "warned");
    if (echo && !echo.error && LIMITS.some(({ name }) => names.includes(name))) this.#mark("sound", "warned");
    this.#add("microphone", microphone.label);
    if (signaling.reason) this.#add("signaling", signaling.reason);
    if (echo?.sample) this.#measure(echo.sample);
    this.#steps.get("microphone")?.querySelector(".meter")?.remove();
  }

  /** @param {Report} report */
  #listRules({ administrator }) {
    const words = { true: "works", false: "not-passed", null: "skipped" };
    find("rules").replaceChildren(
      ...administrator.map(({ message, works }) => {
        const rule = make("li", "rule", message);
        rule.dataset.works = String(works);
        rule.append(" ", make("span", "", this.#texts[`preflight.${words[/** @type {"true"} */ (String(works))]}`]));
        return rule;
      }),
    );
  }

  #rulesAsText() {
    return (this.#report?.administrator ?? []).map(({ message }) => `- ${message}`).join("\n");
  }

  /**
   * @param {string} id
   * @param {() => string} text
   */
  #offerCopy(id, text) {
    const button = find(id);
    const label = button.textContent;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text());
      } catch {
        this.#showForCopying(text()); // the page around, or the person, does not allow it
        return;
      }
      button.textContent = this.#texts["preflight.admin-copied"];
      this.#say(this.#texts["preflight.admin-copied"]);
      setTimeout(() => (button.textContent = label), 2000);
    });
  }

  /** @param {string} text */
  #showForCopying(text) {
    find("copied").hidden = false;
    const field = /** @type {HTMLTextAreaElement} */ (find("copied").querySelector("textarea"));
    field.value = text;
    field.select();
    field.focus();
  }
}

/**
 * @param {string} tag
 * @param {string} className
 * @param {string} [text]
 */
function make(tag, className, text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

/**
 * @param {Report["reasons"][number]} reason
 * @param {Set<string>} advised
 */
function reasonCard({ message, advice, verdict, name }, advised) {
  const card = make("li", "reason");
  card.dataset.verdict = verdict;
  card.dataset.name = name;
  card.append(make("b", "", message));
  if (advice && !advised.has(advice)) card.append(make("span", "", advice));
  advised.add(advice);
  return card;
}

/**
 * @param {import("/sdk/voice/preflight/path.js").Path} path
 * @param {Readonly<Record<string, string>>} texts
 */
const wayOf = ({ kind, protocol }, texts) =>
  `${texts[kind === "relay" ? "preflight.relay" : "preflight.host"]} (${protocol.toUpperCase()})`;

/** @param {number} value */
const milliseconds = (value) =>
  new Intl.NumberFormat(document.documentElement.lang, {
    style: "unit",
    unit: "millisecond",
    maximumFractionDigits: 0,
  }).format(value);

/** @param {number} value */
const readable = (value) =>
  new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
