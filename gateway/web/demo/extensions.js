// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** What the demo's own SIP peer answers, to choose from. Other gateways have no such list. */

import { app, extensionList, find, numberField, transferField, transferForm } from "./elements.js";

/** @typedef {{ number: string, name: string, description: string }} Extension */

export async function watchExtensions() {
  extensionList.addEventListener("click", ({ target }) => {
    const number = target instanceof Element ? target.closest("button")?.dataset.extension : undefined;
    if (number) choose(number);
  });
  for (const event of ["input", "change"]) numberField.addEventListener(event, markExtension);
  const response = await fetch("/demo/extensions.json").catch(() => null);
  if (response?.ok) show(await response.json());
}

/** @param {string} number */
function choose(number) {
  if (!transferForm.hidden) transferField.value = number;
  if (app.dataset.state !== "idle") return;
  numberField.value = number;
  numberField.dispatchEvent(new Event("change"));
}

/** @param {Extension[]} extensions */
function show(extensions) {
  extensionList.replaceChildren(
    ...extensions.map(({ number, name, description }) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.extension = number;
      const strong = document.createElement("b");
      strong.textContent = number;
      const what = document.createElement("span");
      const more = document.createElement("small");
      more.textContent = description;
      what.append(`${name} `, more);
      button.append(strong, " ", what);
      const item = document.createElement("li");
      item.append(button);
      return item;
    }),
  );
  find("extensions-area", HTMLElement).hidden = extensions.length === 0;
  markExtension();
}

/** Shows which of the choices stands in the number field. */
function markExtension() {
  for (const button of extensionList.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.extension === numberField.value.trim()));
  }
}
