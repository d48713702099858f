// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * Events with more than one argument and no DOM. EventTarget offers neither typed arguments nor
 * `once` with a plain value, and its listeners get an Event to unpack.
 *
 * @template {{ [K in keyof E]: unknown[] }} E event name to the list of its arguments
 */
export class Emitter {
  /** @type {Map<keyof E, Set<(...args: any[]) => void>>} */
  #listeners = new Map();
  /** @type {Map<keyof E, ((...args: any[]) => void)[]>} the client's own, which no page removes */
  #watchers = new Map();

  /**
   * @template {keyof E} K
   * @param {K} event
   * @param {(...args: E[K]) => void} listener
   * @returns {this}
   */
  on(event, listener) {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return this;
  }

  /**
   * @template {keyof E} K
   * @param {K} event
   * @param {(...args: E[K]) => void} listener
   * @returns {this}
   */
  once(event, listener) {
    /** @param {E[K]} args */
    const first = (...args) => {
      this.off(event, first);
      listener(...args);
    };
    return this.on(event, first);
  }

  /**
   * Without a listener: removes all of the event.
   *
   * @template {keyof E} K
   * @param {K} event
   * @param {(...args: E[K]) => void} [listener]
   * @returns {this}
   */
  off(event, listener) {
    if (listener) this.#listeners.get(event)?.delete(listener);
    else this.#listeners.delete(event);
    return this;
  }

  /**
   * For the client itself: told before any listener.
   *
   * @template {keyof E} K
   * @param {K} event
   * @param {(...args: E[K]) => void} watcher
   */
  watch(event, watcher) {
    this.#watchers.set(event, [...(this.#watchers.get(event) ?? []), watcher]);
  }

  /**
   * Another name for `on`.
   *
   * @template {keyof E} K
   * @param {K} event
   * @param {(...args: E[K]) => void} listener
   */
  addListener(event, listener) {
    return this.on(event, listener);
  }

  /**
   * Another name for `off`.
   *
   * @template {keyof E} K
   * @param {K} event
   * @param {(...args: E[K]) => void} [listener]
   */
  removeListener(event, listener) {
    return this.off(event, listener);
  }

  /** @param {keyof E} [event] or all events */
  removeAllListeners(event) {
    if (event === undefined) this.#listeners.clear();
    else this.#listeners.delete(event);
    return this;
  }

  /**
   * A listener that throws is reported to the page's `error` event and stops neither the other
   * listeners nor the call: half a teardown would leave a live microphone behind.
   *
   * @template {keyof E} K
   * @param {K} event
   * @param {E[K]} args
   * @protected
   */
  emit(event, ...args) {
    for (const listener of [...(this.#watchers.get(event) ?? []), ...(this.#listeners.get(event) ?? [])]) {
      try {
        listener(...args);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
