// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * What a page needs that moves here from another SDK, and no other: events by the names that JsSIP gives them. It stands
 * apart so that `<click-to-call>`, which is a page of ours, need not carry it.
 */

import { Call } from "./call.js";
import { Device } from "./device.js";
import { CALL_EVENTS, DEVICE_EVENTS } from "./names.js";

/** @typedef {import("./names.js").EventName} EventName */

/** Which names an emitter tells by now. @type {WeakMap<object, Set<string>>} */
const told = new WeakMap();

/**
 * A name is told from when somebody listens to it.
 *
 * @param {new (...args: any[]) => object} made
 * @param {Readonly<Record<string, EventName>>} events
 */
function teach(made, events) {
  const { prototype } = Object.getPrototypeOf(made);
  const { on } = prototype;
  /**
   * @this {any}
   * @param {string} event
   * @param {(...args: any[]) => void} listener
   */
  prototype.on = function (event, listener) {
    const names = told.get(this) ?? new Set();
    told.set(this, names);
    if (Object.hasOwn(events, event) && !names.has(event)) {
      names.add(event);
      const [source, read] = events[event];
      this.watch(source, (/** @type {any[]} */ ...args) => {
        const data = read(this, ...args);
        if (data) this.emit(event, data);
      });
    } else if (event.startsWith("telnyx.")) {
      console.warn(`${event} is not told here: listen to the events of the call and of the device.`);
    }
    return on.call(this, event, listener);
  };
}

teach(Call, CALL_EVENTS);
teach(Device, DEVICE_EVENTS);
