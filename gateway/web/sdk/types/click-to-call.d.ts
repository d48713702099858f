/**
 * A phone call from any page, as one element:
 *
 *     <script type="module" src="https://gateway.example/sdk/click-to-call.min.js"></script>
 *     <click-to-call to="+15551234567" gateway="https://gateway.example" token-url="/token"></click-to-call>
 */
import { ClickToCall } from "./button/element.js";
export { ClickToCall };
import type { Call, CallEnd, CallError, ConnectOptions, Quality } from "./voice-client.js";
type Phase = ClickToCall["state"];
interface Change {
  state: Phase;
  previous: Phase;
  call: Call | null;
  end: CallEnd | null;
  error: CallError | null;
}
/** What `detail` is, by event. */
export type ClickToCallDetails = { [P in `click-to-call:${Phase | "state"}`]: Change } & {
  "click-to-call:before": { parameters: Partial<ConnectOptions> };
  "click-to-call:agreed": {};
  "click-to-call:digit": { call: Call; digit: string; direction: "sent" | "received" };
  "click-to-call:quality": { call: Call; quality: Quality };
  "click-to-call:error": { call: Call | null; error: CallError };
  "click-to-call:feedback": { call: Call | null; score: number; issue: string };
};
type ClickToCallEvents = { [K in keyof ClickToCallDetails]: CustomEvent<ClickToCallDetails[K]> };
type Texts =
  | "to" | "gateway" | "token-url" | "token" | "from" | "display-name" | "variant" | "placement" | "label" | "heading"
  | "lang" | "theme" | "consent-key" | "identity" | "fallback-tel" | "ringback";
type Flags = "consent" | "feedback" | "transfer" | "close-protection";
/** For `JSX.IntrinsicElements`; with React 19: `declare module "react" { namespace JSX { … } }`. */
export interface ClickToCallElements {
  "click-to-call": { [T in Texts]?: string } & { [F in Flags]?: string | boolean } & { [other: string]: unknown };
}
declare global {
  interface HTMLElementTagNameMap {
    "click-to-call": ClickToCall;
  }
  interface GlobalEventHandlersEventMap extends ClickToCallEvents {}
  namespace JSX {
    interface IntrinsicElements extends ClickToCallElements {}
  }
}
