// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** Links to the gateway's other pages: not every gateway has all of them, and a link to none is worse than no link. */

/** @typedef {{ docs: boolean, preflight: boolean }} Pages which of them it serves */

export async function showPages() {
  const response = await fetch("/demo/pages.json").catch(() => null);
  if (!response?.ok) return;
  /** @type {Pages} */
  const pages = await response.json().catch(() => ({})); // a proxy's page
  for (const [name, isServed] of Object.entries(pages)) {
    const link = document.querySelector(`[data-page="${name}"]`);
    if (link instanceof HTMLElement) link.hidden = !isServed;
  }
}
