// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** The states of the element that a page can style: `:state(open)`, or `[data-state~="open"]` in a browser without it. */

/**
 * @param {HTMLElement} host
 * @returns {(states: string[]) => void} shows these states and no others
 */
export function statesOn(host) {
  /** @type {CustomStateSet | undefined} */
  let set;
  try {
    if (CSS.supports("selector(:state(a))")) set = host.attachInternals().states;
  } catch {
    // No ElementInternals here
  }
  return (states) => {
    if (!set) {
      host.dataset.state = states.join(" ");
      return;
    }
    set.clear();
    for (const state of states) set.add(state);
  };
}
