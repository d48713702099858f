// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** The page that tests a connection: it starts the client's pre-flight and shows what comes of it. */

import { Device } from "/sdk/voice-client.js";
import { chooseLanguage, fill, LANGUAGES, loadTexts } from "/sdk/texts/index.js";
import { View } from "./view.js";

/** @typedef {ReturnType<typeof Device.runPreflight>} Preflight */

const SECONDS = 10; // that a test takes, as people are told

const wanted = new URLSearchParams(location.search).get("lang");
const language = chooseLanguage(wanted ? [wanted] : navigator.languages);
const texts = await loadTexts(language);
document.documentElement.lang = language;
document.documentElement.dir = LANGUAGES[language].direction;

const view = new View(texts);
view.intro(fill(texts["preflight.intro"], { seconds: SECONDS }));

/** @type {Preflight | null} */
let preflight = null;

/** @returns {string | undefined} what stands behind `#token=`: no server sees it, and no history keeps it */
function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) history.replaceState(history.state, "", location.pathname + location.search);
  return given ?? undefined;
}
const token = takeToken();

view.onStart = () => {
  view.begin();
  const run = (preflight = Device.runPreflight({ token, language }));
  run.on("progress", (progress) => view.follow(progress));
  run.on("completed", (report) => view.show(report));
  run.on("failed", (_, report) => view.show(report));
  run.finished.catch((error) => view.give(error));
};
view.onStop = () => preflight?.stop();

// For tests, and for whoever looks at the console
Object.assign(globalThis, {
  preflightPage: {
    get preflight() {
      return preflight;
    },
  },
});
document.documentElement.dataset.ready = "";
