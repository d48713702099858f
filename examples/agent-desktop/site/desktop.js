/** The agent's desktop: one `Device` of the SDK, and a card for each of its calls. */

import { Device } from "voice-client";
import { CallCard } from "./call-card.js";
import { History } from "./history.js";
import { fillKeys } from "./keys.js";
import { ring } from "./ring.js";

const find = (selector) => document.querySelector(selector);
const cards = new Map();
let dialing = false;
const history = new History(find("#history"), (number) => dial(number));

const device = new Device({
  fetchToken: async () => (await (await fetch("/token", { method: "POST" })).json()).token,
  allowSeveralCalls: true, // one is talked in, the others are on hold
  allowIncomingWhileBusy: true,
  ringtone: false, // ring.js has a softer one
});

/** Shows a call until it is over; then it is history. */
function show(call) {
  const card = new CallCard(call, {
    others: () => device.calls.filter((other) => other !== call && other.state === "open"),
    onError: complain,
    onTalk: () => holdOthers(call),
  });
  cards.set(call, card);
  find("#calls").prepend(card.element);
  call.on("disconnect", (_, end) => {
    cards.delete(call);
    if (card.remove()) find("#number").focus();
    history.add(call, end);
    if (!["hangup", "canceled", "transferred"].includes(end.cause)) complain(end);
    signal();
  });
  call.on("state", signal);
  signal();
}

/** Rings while a call waits, and says so where the page is not looked at. */
function signal() {
  const waiting = device.calls.find((call) => call.direction === "incoming" && call.state === "pending");
  ring(Boolean(waiting));
  document.title = waiting ? `${waiting.displayName ?? waiting.from} is calling` : "Agent desktop";
  for (const card of cards.values()) card.refresh();
}

/** One person talks with one person: the others wait. */
async function holdOthers(talking) {
  const others = device.calls.filter((call) => call !== talking && call.state === "open" && !call.held.local);
  await Promise.all(others.map((call) => call.hold().catch(complain)));
}

async function dial(to) {
  if (dialing) return; // a second press of Enter is no second call
  dialing = true;
  complain(null);
  try {
    await holdOthers(null);
    show(await device.connect({ to: to.replace(/[\s()-]/g, "") }));
    find("#number").value = "";
  } catch (error) {
    complain(error);
  } finally {
    dialing = false;
  }
}

function complain(error) {
  const notice = find("#notice");
  notice.hidden = !error;
  notice.textContent = [error?.message, error?.advice].filter(Boolean).join(" ");
}

function reach(text, on) {
  find("#reach").textContent = text;
  find("#available").setAttribute("aria-checked", String(on));
}

device.on("incoming", show);
device.on("restored", show); // the calls of this tab before it was loaded again
device.on("registered", (identity) => reach(`Calls to ${identity} ring here`, true));
device.on("unregistered", (error) => {
  const again = Boolean(error && !error.fatal); // by the client itself
  reach(again ? "Connecting again…" : "Calls do not come here", again);
  if (error?.fatal) complain(error);
});
device.on("error", (error, call) => call || complain(error));

find("#available").onclick = async ({ currentTarget }) => {
  complain(null);
  const on = currentTarget.getAttribute("aria-checked") === "true"; // also while the connection is lost
  try {
    await (on ? device.unregister() : device.register());
  } catch (error) {
    complain(error);
  }
};

find("#dialer").onsubmit = (event) => {
  event.preventDefault();
  void dial(find("#number").value);
};
fillKeys(find("#dialer .keys"), (key) => (find("#number").value += key));

await device.restore();
document.body.dataset.ready = "";
