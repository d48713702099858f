// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** What the caller thinks of the call: one to five stars, then a sentence if they like. */

import { h, icon } from "./dom.js";
import { STAR } from "./icons.js";

/** As long as the gateway takes. */
const LONGEST = 1000;

export class Feedback {
  /** @param {(score: number, issue: string) => void} onSend */
  constructor(onSend) {
    this.stars = h(
      "fieldset",
      { class: "stars", part: "stars" },
      h("legend", { text: "button.feedback" }),
      ...[1, 2, 3, 4, 5].map(makeStar),
    );
    this.issue = h("textarea", {
      class: "field",
      part: "input",
      rows: 2,
      maxlength: LONGEST,
      label: "button.feedback-issue",
    });
    this.send = h("button", { class: "main", part: "primary", text: "button.send" });
    this.more = h("div", { class: "more", hidden: true }, this.issue, this.send);
    this.element = h("form", { class: "feedback", part: "feedback" }, this.stars, this.more);
    this.thanks = h("p", { class: "thanks", text: "button.thanks" });
    this.stars.addEventListener("change", () => {
      this.more.hidden = false;
      for (const label of this.stars.querySelectorAll("label")) {
        label.classList.toggle("lit", Number(label.dataset.score) <= this.score);
      }
    });
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.score) onSend(this.score, this.issue.value.trim());
    });
  }

  get score() {
    return Number(new FormData(this.element).get("score"));
  }

  /** For the next call. */
  clear() {
    this.element.reset();
    this.more.hidden = true;
    for (const label of this.stars.querySelectorAll(".lit")) label.classList.remove("lit");
  }

  /** @param {import("./dom.js").Translate} t */
  translate(t) {
    this.issue.placeholder = t("button.feedback-issue");
  }
}

/** @param {number} score */
const makeStar = (score) =>
  h(
    "label",
    { class: "star", "data-score": score },
    h("input", { type: "radio", name: "score", value: score, label: `button.star-${score}` }),
    icon(STAR),
  );
