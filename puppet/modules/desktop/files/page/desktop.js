// The desktop in a browser window. The link's token lives in the URL's fragment, which browsers never send; it is taken
// out of the address bar at once and goes to the gateway in the WebSocket's sub-protocol header, which nobody logs.
import RFB from "/novnc/core/rfb.js";

const PAUSES = [0, 500, 1000, 2000, 4000]; // ms before a further attempt
const $ = (id) => document.getElementById(id);

let token = new URLSearchParams(location.hash.slice(1)).get("token");
if (location.hash) history.replaceState(null, "", "/");
let rfb = null;
let connected = false; // ever, since the page was loaded
let refusals = 0; // attempts since the last success that got no connection
let pauses = 0;
let timer = null;

function show(state, message, asks = false) {
  document.body.dataset.state = state;
  if (message) $("message").textContent = message;
  $("hint").hidden = $("command").hidden = !asks;
}

function ended() {
  const other = connected ? "Your session has ended." : "This desktop opens with a link.";
  show("ended", token ? "This link is used up or has expired." : other, true);
}

function again(message) {
  show("waiting", message);
  timer = setTimeout(attempt, PAUSES[Math.min(pauses++, PAUSES.length - 1)]);
}

// A refused WebSocket does not tell why, so the gateway is asked before every attempt but a fresh link's first.
async function attempt() {
  timer = null;
  if (token && refusals === 0) return connect();
  let answer;
  try {
    answer = await (await fetch("/session", { cache: "no-store" })).json();
  } catch {
    return again("The connection is interrupted. Trying again …");
  }
  if (!answer.session && !token) return ended();
  if (answer.desktop === "down") {
    refusals = 1; // that was no fault of the link's: it stays good for as long as it is valid
    return again("Your desktop is starting …");
  }
  return answer.session || refusals < 2 ? connect() : ended();
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const protocols = token ? ["binary", `link.${token}`] : ["binary"];
  $("screen").replaceChildren();
  rfb = new RFB($("screen"), `${scheme}://${location.host}/websockify`, { shared: true, wsProtocols: protocols });
  rfb.scaleViewport = true;
  rfb.background = "transparent";
  rfb.qualityLevel = 8;
  rfb.addEventListener("connect", () => {
    token = null; // used up; from here on the session cookie counts
    pauses = refusals = 0;
    connected = true;
    show("connected");
    rfb.focus();
    offerClipboard(false);
  });
  rfb.addEventListener("disconnect", () => {
    rfb = null;
    if (document.body.dataset.state !== "connected") refusals += 1;
    again(token ? "Connecting to your desktop …" : "The connection is interrupted. Trying again …");
  });
  rfb.addEventListener("clipboard", (event) => {
    navigator.clipboard?.writeText(event.detail.text).catch(() => {}); // the browser may not allow it now
  });
}

// The browser's clipboard goes to the desktop when the window is entered: silently if it is allowed, asking on the button.
async function offerClipboard(ask) {
  if (!rfb || !navigator.clipboard?.readText) return;
  try {
    const permission = await navigator.permissions.query({ name: "clipboard-read" });
    if (!ask && permission.state !== "granted") return;
    const text = await navigator.clipboard.readText();
    if (text) rfb?.clipboardPasteFrom(text);
  } catch { /* not every browser knows this permission, and the user may say no */ }
}

$("full").addEventListener("click", () => {
  document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen();
  rfb?.focus();
});
$("paste").addEventListener("click", async () => { await offerClipboard(true); rfb?.focus(); });
addEventListener("focus", () => offerClipboard(false));
addEventListener("online", () => { if (timer) { clearTimeout(timer); attempt(); } });
addEventListener("hashchange", () => { if (location.hash) location.reload(); }); // a new link pasted into this window
attempt();
