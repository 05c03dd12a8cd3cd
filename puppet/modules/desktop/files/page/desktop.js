// The desktop in a browser window: connects, connects again, and says why not.
import { show } from "./card.js";
import { judge } from "./causes.js";
import { openChannel } from "./channel.js";
import { ask, connectField, fromDesktop, offer } from "./clipboard.js";
import { forget, token } from "./link.js";
import { Desktop } from "./size.js";
import { tell } from "./strip.js";
import { GOOD_FOR, give, hold } from "./typing.js";

const PAUSES = [0, 500, 1000, 2000, 4000]; // ms before a further attempt
const QUIET = 2000; // ms that a cut may last before anything is said
const ASK_EVERY = 15000; // ms: whether the gateway still answers, as a page cannot see a WebSocket's pings
const PATIENCE = 8000; // ms for an answer
const $ = (id) => document.getElementById(id);

let rfb = null; // the present connection, also while it is made
let channel = null; // its WebSocket
let cut = null; // the one before, of which the gateway is asked what it has received, and which it ends
let unsent = [];
let open = false; // whether it is made
let connected = false; // ever, since the page was loaded
let failures = 0; // WebSockets in a row that failed though they would have been let in
let silent = false; // whether the last one got through, and then nothing came
let pauses = 0;
let timer = null;
let lostAt = -Infinity;
let leaving = false;

async function facts() {
  const options = { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) };
  options.headers = { ...(token && { "X-Desktop-Link": token }), ...(cut && { "X-Desktop-Tab": cut.tab }) };
  const answer = await (await fetch("/session", options)).json();
  tell(answer);
  return answer;
}

// A refused WebSocket does not tell why, so the gateway is asked before every attempt but a fresh link's first.
async function attempt() {
  timer = null;
  if (token && pauses === 0) return connect();
  const answer = await facts().catch(() => null);
  if (cut && answer) {
    if (answer.received != null) unsent.push(...cut.lost(answer.received));
    cut = null;
  }
  if (answer && token && answer.link !== "good" && answer.session) forget();
  if (answer?.desktop !== "up") failures = 0; // that was no WebSocket's fault
  const next = judge({
    answer, token, connected, failures, silent, online: navigator.onLine, secure: location.protocol === "https:",
  });
  const quiet = performance.now() - lostAt < QUIET && next.state !== "ended";
  if (!quiet) show(next.state === "connect" && next.message ? { ...next, state: "waiting" } : next);
  if (next.state === "connect") return connect();
  if (next.state === "ended") return forget();
  again();
}

function again() {
  timer = setTimeout(attempt, PAUSES[Math.min(pauses++, PAUSES.length - 1)]);
}

function connect() {
  const layer = document.createElement("div");
  $("screen").append(layer);
  channel = openChannel(token);
  rfb = new Desktop(layer, channel, { shared: true });
  rfb.background = "transparent";
  rfb.qualityLevel = 8;
  silent = false;
  const given = setTimeout(() => { // what lies between may let a WebSocket wait for ever
    silent = channel.opened;
    rfb.disconnect();
  }, PATIENCE);
  rfb.addEventListener("connect", () => began(layer));
  for (const name of ["connect", "disconnect"]) rfb.addEventListener(name, () => clearTimeout(given));
  rfb.addEventListener("disconnect", () => lost(layer));
  rfb.addEventListener("clipboard", (event) => fromDesktop(event.detail.text));
}

function began(layer) {
  forget(); // used up; from here on the session cookie counts
  pauses = failures = 0;
  connected = open = true;
  show({ state: "connected" });
  $("screen").replaceChildren(layer);
  layer.still = layer.firstElementChild;
  rfb.viewOnly = document.body.dataset.viewOnly === "true";
  rfb.focus();
  if (performance.now() - lostAt < GOOD_FOR) for (const key of unsent) channel.send(key);
  unsent = [];
  give(layer.querySelector("canvas"));
  offer(rfb);
  look();
}

// The last picture stays, and keys are kept: a short cut is not seen.
function lost(layer) {
  rfb = null;
  cut = channel;
  if (open) {
    layer.replaceChildren(layer.still);
    lostAt = performance.now();
    hold();
  } else {
    layer.remove();
    failures = silent ? 0 : failures + 1;
  }
  open = false;
  cut.crowded ? show(judge({ crowded: true })) : again();
}

async function look() {
  const asked = rfb, answer = await facts().catch(() => null);
  if (!open || rfb !== asked) return;
  if (!answer) return rfb.disconnect();
  rfb.viewOnly = answer.view_only;
  document.body.dataset.viewOnly = answer.view_only;
}

function now() {
  if (open) {
    rfb.takeSize();
    look();
  } else if (timer) {
    clearTimeout(timer);
    attempt();
  }
}

if (document.fullscreenEnabled) {
  $("full").addEventListener("click", () => {
    document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen();
    rfb?.focus();
  });
  document.addEventListener("fullscreenchange", () => { // in full screen the desktop gets Ctrl+W, Alt+Tab, Escape …
    $("full").textContent = document.fullscreenElement ? "Leave full screen" : "Full screen";
    if (document.fullscreenElement) navigator.keyboard?.lock?.().catch(() => {});
    else navigator.keyboard?.unlock?.();
  });
} else $("full").remove();

$("paste").addEventListener("click", () => { if (open) ask(rfb); });
$("reload").addEventListener("click", () => location.reload());
$("ask").addEventListener("click", () => $("help").showModal());
$("help").addEventListener("close", () => rfb?.focus());
connectField(() => (open ? rfb : null));
addEventListener("focus", () => {
  if (!open) return;
  rfb.takeSize();
  offer(rfb);
});
addEventListener("online", now);
document.addEventListener("visibilitychange", () => { if (!document.hidden) now(); }); // a laptop that slept
setInterval(() => { if (open) look(); }, ASK_EVERY);
addEventListener("hashchange", () => { // a new link pasted into this window
  if (!location.hash) return;
  leaving = true;
  location.reload();
});
addEventListener("beforeunload", (event) => { // Ctrl+W was meant for the desktop, also while a cut is not seen
  const { state, viewOnly } = document.body.dataset;
  if (state !== "connected" || leaving || viewOnly === "true") return;
  event.preventDefault();
  event.returnValue = "";
});
attempt();
