/**
 * A phone call from any page, as one element:
 *
 *     <script type="module" src="https://gateway.example/sdk/click-to-call.min.js"></script>
 *     <click-to-call to="+15551234567" gateway="https://gateway.example" token-url="/token"></click-to-call>
 */
import { ClickToCall } from "./button/element.js";
export { ClickToCall };
declare global {
  interface HTMLElementTagNameMap {
    "click-to-call": ClickToCall;
  }
}
