// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * How it looks. A page changes it by custom properties (`--ctc-…`) and parts; a constructed style sheet
 * is what a strict Content-Security-Policy lets pass. Colors follow the page's `color-scheme`.
 */

/** @type {CSSStyleSheet | undefined} one for all elements of the page */
let sheet;

export function styleSheet() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLES);
  }
  return sheet;
}

/** In light, and in dark. */
const COLORS = {
  accent: ["#0b7a4b", "#35c98a"],
  "on-accent": ["#fff", "#04170d"],
  danger: ["#c8283c", "#d9364a"],
  "on-danger": ["#fff", "#fff"],
  surface: ["#fff", "#17201c"],
  text: ["#14201b", "#eef4f1"],
  muted: ["#56635d", "#a5b3ac"],
  border: ["#dfe6e2", "#2f3b35"],
  control: ["#eef3f0", "#253029"],
  focus: ["#1d5fd1", "#8db8ff"],
  good: ["#0b7a4b", "#35c98a"],
  fair: ["#9a6200", "#e6b04b"],
  poor: ["#c8283c", "#ff7381"],
  star: ["#b36b00", "#f2b84b"],
};

/** @param {(light: string, dark: string) => string} choose */
const declare = (choose) =>
  Object.entries(COLORS)
    .map(([name, [light, dark]]) => `--${name}: var(--ctc-${name}, ${choose(light, dark)});`)
    .join("\n");

const STYLES = `
:host {
  ${declare((light) => light)}
  --radius: var(--ctc-radius, 20px);
  --gap: var(--ctc-space, 16px);
  --time: var(--ctc-duration, 180ms);
  display: inline-block;
  vertical-align: middle;
  font: var(--ctc-font-size, 16px)/1.4 var(--ctc-font, system-ui, sans-serif);
  color: var(--text);
  -webkit-tap-highlight-color: transparent;
}
@supports (color: light-dark(#000, #fff)) { :host { ${declare((light, dark) => `light-dark(${light}, ${dark})`)} } }
:host([theme="light"]) { color-scheme: light; }
:host([theme="dark"]) { color-scheme: dark; }
:host([theme="auto"]) { color-scheme: light dark; }
:host([hidden]), [hidden] { display: none !important; }
:host([variant="panel"]) { display: block; max-width: var(--ctc-width, 336px); }
:host([variant="floating"]) {
  position: fixed;
  z-index: var(--ctc-z-index, 1000);
  inset-block-end: calc(var(--ctc-offset-block, 24px) + env(safe-area-inset-bottom, 0px));
  inset-inline-end: var(--ctc-offset-inline, 24px);
}
:host([variant="floating"][placement^="top"]) { inset-block: var(--ctc-offset-block, 24px) auto; }
:host([variant="floating"][placement$="start"]) { inset-inline: var(--ctc-offset-inline, 24px) auto; }

*, ::before, ::after { box-sizing: border-box; }
button, input, select, textarea { font: inherit; color: inherit; margin: 0; }
button { border: 1px solid transparent; cursor: pointer; touch-action: manipulation; user-select: none; -webkit-user-select: none; }
p, fieldset { margin: 0; padding: 0; border: 0; min-width: 0; }
:focus { outline: none; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
.panel:focus-visible { outline-offset: -3px; }
.icon { width: 1.5em; height: 1.5em; flex: none; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round; stroke-linejoin: round; }
[dir="rtl"] .turn { transform: scaleX(-1); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

.launcher, .main, .second {
  display: inline-flex;
  align-items: center;
  justify-content: center;
  gap: .6em;
  min-height: 48px;
  padding: var(--ctc-button-padding, .6em 1.4em);
  border-radius: var(--ctc-button-radius, 999px);
  background: var(--accent);
  color: var(--on-accent);
  font-weight: 600;
  transition: filter var(--time), transform var(--time), background-color var(--time);
}
.launcher { box-shadow: var(--ctc-button-shadow, 0 1px 2px #0003, 0 4px 14px #0002); }
.launcher.away { visibility: hidden; }
.launcher .clock { font-variant-numeric: tabular-nums; }
.main { flex: 1; }
.second { flex: 1; background: var(--control); color: var(--text); }
.danger { background: var(--danger); color: var(--on-danger); }
button:active:not([aria-disabled="true"]) { transform: scale(.97); }
@media (hover: hover) {
  .launcher:hover, .main:hover { filter: brightness(1.08); }
  .second:hover, .corner:hover, .erase:hover, .tool:not([aria-disabled="true"], [aria-pressed="true"], [aria-expanded="true"]):hover .disc, .key:hover { background: color-mix(in srgb, var(--text) 9%, var(--control)); }
}

.panel {
  display: flex;
  flex-direction: column;
  gap: var(--gap);
  width: 100%;
  margin: 0;
  padding: var(--gap);
  border: 1px solid var(--border);
  border-radius: var(--radius);
  background: var(--surface);
  color: var(--text);
  text-align: center;
  box-shadow: var(--ctc-shadow, 0 2px 6px #0001, 0 16px 48px #0003);
  overflow: auto;
  overscroll-behavior: contain;
}
:host(:not([variant="panel"])) .panel {
  position: fixed;
  inset: auto 0 0;
  z-index: var(--ctc-z-index, 1000);
  max-width: none;
  max-height: 100dvh;
  padding-bottom: calc(var(--gap) + env(safe-area-inset-bottom, 0px));
  border-radius: var(--radius) var(--radius) 0 0;
  animation: rise var(--time) ease-out;
}
@media (min-width: 480px) {
  :host(:not([variant="panel"])) .panel {
    inset: var(--y, 8px) auto auto var(--x, 8px);
    width: var(--ctc-width, 336px);
    max-height: calc(100dvh - 16px);
    padding-bottom: var(--gap);
    border-radius: var(--radius);
    animation-name: grow;
  }
}
@keyframes rise { from { transform: translateY(40%); opacity: 0; } }
@keyframes grow { from { transform: scale(.94); opacity: 0; } }

.head { display: flex; align-items: center; justify-content: space-between; min-height: 24px; margin-block-end: -24px; }
.corner { display: grid; place-items: center; width: 36px; height: 36px; margin: -6px; margin-inline-start: auto; padding: 0; border-radius: 50%; background: none; color: var(--muted); }
.quality { direction: ltr; display: inline-flex; align-items: end; gap: 3px; height: 16px; color: var(--good); }
.quality i { width: 5px; height: 6px; border-radius: 2px; background: currentColor; forced-color-adjust: none; }
.quality i:nth-child(2) { height: 11px; }
.quality i:nth-child(3) { height: 16px; }
[data-quality="fair"] .quality { color: var(--fair); }
[data-quality="poor"] .quality { color: var(--poor); }
[data-quality="fair"] .quality i:nth-child(3), [data-quality="poor"] .quality i:nth-child(n + 2) { opacity: .25; }

.avatar { position: relative; display: grid; place-items: center; width: 72px; height: 72px; margin: 8px auto 0; border-radius: 50%; background: color-mix(in srgb, var(--accent) 14%, var(--surface)); color: var(--accent); }
.avatar .icon { width: 32px; height: 32px; }
.avatar::before { content: ""; position: absolute; inset: 0; border-radius: 50%; background: var(--accent); opacity: .12; transform: scale(calc(1 + .4 * var(--output, 0))); transition: transform 80ms linear; }
[data-phase="ringing"] .avatar::before, [data-phase="connecting"] .avatar::before, [data-phase="incoming"] .avatar::before { animation: ring 1.6s ease-out infinite; }
@keyframes ring { from { transform: scale(1); opacity: .3; } to { transform: scale(1.5); opacity: 0; } }
::slotted([slot="avatar"]) { width: 100%; height: 100%; border-radius: 50%; object-fit: cover; }
[data-kind="failed"], [data-kind="refused"] { --end: var(--poor); }
[data-kind="unanswered"] { --end: var(--fair); }
:is([data-kind="failed"], [data-kind="refused"], [data-kind="unanswered"]) .avatar { background: color-mix(in srgb, var(--end) 14%, var(--surface)); color: var(--end); }
:is([data-kind="failed"], [data-kind="refused"], [data-kind="unanswered"]) .avatar::before { display: none; }
[data-view="keypad"] .avatar, [data-view="transfer"] .avatar, [data-view="settings"] .avatar, [data-phase="number"] .avatar, [data-phase="consent"] .avatar { display: none; }
.who { display: grid; justify-items: center; gap: 2px; }
.name { max-width: 100%; font-size: 1.25em; font-weight: 650; line-height: 1.25; overflow-wrap: anywhere; }
.status { color: var(--muted); min-height: 1.4em; }
:is([data-kind="failed"], [data-kind="refused"], [data-kind="unanswered"]) .status { color: var(--end); font-weight: 600; }
.panel .clock { font-size: 1.1em; font-variant-numeric: tabular-nums; }
.detail, .thanks { color: var(--muted); font-size: .94em; }
.consent { color: var(--text); text-align: start; }
.caller { margin-block-start: calc(-.8 * var(--gap)); }
.notice { padding: .6em .8em; border-radius: 12px; background: var(--control); color: var(--text); }
.fallback { display: inline-block; padding: 8px; color: var(--accent); font-weight: 600; }

.tools { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(0, 1fr); align-items: start; }
.tool { position: relative; display: grid; justify-items: center; gap: 6px; padding: 0; background: none; border: 0; border-radius: 14px; }
.disc { position: relative; display: grid; place-items: center; width: 52px; height: 52px; border: 1px solid transparent; border-radius: 50%; background: var(--control); transition: background-color var(--time), color var(--time); }
.caption { max-width: 100%; color: var(--muted); font-size: .75em; line-height: 1.2; overflow-wrap: anywhere; hyphens: auto; }
.tool[aria-pressed="true"] .disc, .tool[aria-expanded="true"] .disc { background: var(--text); color: var(--surface); }
.tool[aria-disabled="true"] { cursor: default; }
.tool[aria-disabled="true"] .disc { opacity: .4; }
.level { position: absolute; top: 0; width: 52px; height: 52px; border: 2px solid var(--accent); border-radius: 50%; opacity: min(1, calc(2 * var(--input, 0))); pointer-events: none; }

.pad { display: grid; justify-items: center; gap: 12px; }
.keys { display: grid; grid-template-columns: repeat(3, 64px); gap: 8px 20px; direction: ltr; }
.key { display: grid; align-content: center; justify-items: center; height: 48px; padding: 0; border-radius: 24px; background: var(--control); font-size: 1.35em; line-height: 1.1; -webkit-touch-callout: none; }
.key small { color: var(--muted); font-size: .44em; letter-spacing: .12em; min-height: 1.1em; }
.key.pressed { background: var(--text); color: var(--surface); }
.sent { min-height: 1.4em; font-size: 1.25em; letter-spacing: .08em; font-variant-numeric: tabular-nums; }
.number { display: flex; width: 100%; gap: 8px; }
.erase { display: grid; place-items: center; flex: none; width: 48px; padding: 0; border-radius: 12px; background: var(--control); }
.pad .main { width: 100%; }
[data-mode="digits"] .number, [data-mode="digits"] .main, [data-mode="number"] .sent { display: none; }
.field { width: 100%; min-height: 44px; padding: .5em .8em; border: 1px solid color-mix(in srgb, var(--text) 50%, var(--surface)); border-radius: 12px; background: var(--surface); font-size: max(16px, 1em); }
.number .field { text-align: center; }

.settings { display: grid; gap: var(--gap); text-align: start; }
.choice { display: grid; gap: 6px; }
.meter { height: 6px; border-radius: 3px; background: var(--control); outline: 1px solid transparent; overflow: hidden; }
.meter::before { content: ""; display: block; height: 100%; border-radius: 3px; background: var(--accent); transform: scaleX(var(--level, 0)); transform-origin: left; forced-color-adjust: none; }
[dir="rtl"] .meter::before { transform-origin: right; }

.feedback { display: grid; gap: 12px; }
.stars { display: flex; justify-content: center; }
.stars legend { width: 100%; padding: 0; margin-block-end: 4px; }
.star { position: relative; display: grid; place-items: center; width: 44px; height: 44px; color: var(--star); cursor: pointer; }
.star input { position: absolute; inset: 4px; width: auto; height: auto; opacity: 0; cursor: pointer; }
.star .icon { width: 30px; height: 30px; }
.star.lit .icon { fill: currentColor; }
.star:has(:focus-visible) { outline: 3px solid var(--focus); outline-offset: -2px; border-radius: 10px; }
.more { display: grid; gap: 8px; }
.panel:has(.more:not([hidden])) .choices .main { background: var(--control); color: var(--text); }
textarea { resize: none; }

.choices { display: flex; flex-wrap: wrap; gap: 8px; }
[data-phase="consent"] .choices { flex-direction: column; }

@media (prefers-reduced-motion: reduce) {
  *, ::before, ::after { animation: none !important; transition: none !important; }
  .avatar::before { transform: none; }
  button:active:not([aria-disabled="true"]) { transform: none; }
}
@media (forced-colors: active) {
  .tool[aria-pressed="true"] .disc, .tool[aria-expanded="true"] .disc, .key.pressed { background: Highlight; color: HighlightText; forced-color-adjust: none; }
  .launcher, .main, .second, .key, .disc, .corner, .erase { border-color: ButtonText; }
  .tool[aria-disabled="true"] .disc { opacity: 1; color: GrayText; border-color: GrayText; }
  .quality i { background: CanvasText; }
  .meter::before { background: Highlight; }
  .avatar::before { display: none; }
}
`;
