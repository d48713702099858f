// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * A phone call from any page, as one element:
 *
 *     <script type="module" src="https://gateway.example/sdk/click-to-call.min.js"></script>
 *     <click-to-call to="+15551234567" gateway="https://gateway.example" token-url="/token"></click-to-call>
 */

import { ClickToCall } from "./button/element.js";

if (globalThis.customElements && !customElements.get("click-to-call")) {
  customElements.define("click-to-call", ClickToCall);
}

export { ClickToCall };
