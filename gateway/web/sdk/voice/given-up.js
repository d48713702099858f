// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** What takes time, and is not waited for any longer once somebody has given it up. */

import { CallError } from "./errors.js";

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {(AbortSignal | undefined)[]} signals
 * @returns {Promise<T>} rejects with `canceled`
 */
export function unlessGivenUp(promise, signals) {
  return new Promise((resolve, reject) => {
    const done = new AbortController();
    for (const end of signals) {
      const giveUp = () => reject(new CallError("canceled"));
      if (end?.aborted) giveUp();
      end?.addEventListener("abort", giveUp, { signal: done.signal });
    }
    promise.then(resolve, reject).finally(() => done.abort());
  });
}
