/** The calls of this browser, newest first, kept over a reload. A real desktop asks its own server. */

import { clock, nameOf, numberOf } from "./call-card.js";

const KEY = "agent-desktop.history";
const KEPT = 50;

export class History {
  #list;
  #onDial;
  #entries;

  /**
   * @param {HTMLOListElement} list
   * @param {(number: string) => void} onDial somebody is to be called again
   */
  constructor(list, onDial) {
    this.#list = list;
    this.#onDial = onDial;
    this.#entries = kept();
    this.#show();
  }

  add(call, end) {
    const missed = call.direction === "incoming" && !end.durationMs;
    const how = end.durationMs ? clock(end.durationMs) : missed ? MISSED[end.cause] ?? "Missed" : end.message;
    const { direction } = call;
    this.#entries.unshift({ name: nameOf(call), number: numberOf(call), at: Date.now(), direction, missed, how });
    this.#entries.length = Math.min(this.#entries.length, KEPT);
    this.#show();
    keep(this.#entries);
  }

  #show() {
    this.#list.replaceChildren(...this.#entries.map((entry) => this.#row(entry)));
  }

  #row({ name, number, at, direction, missed, how }) {
    const row = document.createElement("li");
    const button = document.createElement("button");
    const icon = document.querySelector(".logo").cloneNode(true);
    icon.removeAttribute("class");
    icon.firstElementChild.setAttribute("href", `icons.svg#${direction === "incoming" ? "in" : "out"}`);
    const time = new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    button.append(icon, element("span", "number", name), element("time", "", time), element("span", "how", how));
    button.title = `Call ${number}`;
    button.classList.toggle("missed", missed);
    button.disabled = number === "anonymous";
    button.onclick = () => this.#onDial(number);
    row.append(button);
    return row;
  }
}

/** A browser may forbid to keep anything: then the history lasts as long as the page. */
function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? [];
  } catch {
    return [];
  }
}

function keep(entries) {
  try {
    localStorage.setItem(KEY, JSON.stringify(entries));
  } catch {
    // See above
  }
}

const MISSED = { "answered-elsewhere": "A colleague has answered", rejected: "Declined" };

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}
