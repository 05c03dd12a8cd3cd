// The desktop in a browser window. The link's token lives in the URL's fragment, which browsers never send; it is taken
// out of the address bar at once and goes to the gateway in the WebSocket's sub-protocol header, which nobody logs.
import RFB from "/novnc/core/rfb.js";

const PAUSES = [0, 500, 1000, 2000, 4000]; // ms before a further attempt
const $ = (id) => document.getElementById(id);

let token = new URLSearchParams(location.hash.slice(1)).get("token");
if (location.hash) history.replaceState(null, "", "/");
let rfb = null;
let tried = false; // whether the link was offered to a desktop that is up
let pauses = 0;
let timer = null;

function show(state, message, asks = false) {
  document.body.dataset.state = state;
  if (message) $("message").textContent = message;
  $("hint").hidden = $("command").hidden = !asks;
}

function ended() {
  show("ended", token ? "This link is used up or has expired." : "This desktop opens with a link.", true);
}

function again(message) {
  show("waiting", message);
  timer = setTimeout(attempt, PAUSES[Math.min(pauses++, PAUSES.length - 1)]);
}

// A refused WebSocket does not tell why, so the gateway is asked before every attempt but a fresh link's first.
async function attempt() {
  timer = null;
  if (token && !tried) return connect();
  let answer;
  try {
    answer = await (await fetch("/session", { cache: "no-store" })).json();
  } catch {
    return again("The connection is interrupted. Trying again …");
  }
  if (!answer.session && !token) return ended();
  if (answer.desktop === "down") {
    tried = false; // the link was not used up: it waits with us, as long as it is valid
    return again("Your desktop is starting …");
  }
  return answer.session ? connect() : ended();
}

function connect() {
  tried = true;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const protocols = token ? ["binary", `link.${token}`] : ["binary"];
  $("screen").replaceChildren();
  rfb = new RFB($("screen"), `${scheme}://${location.host}/websockify`, { shared: true, wsProtocols: protocols });
  rfb.scaleViewport = true;
  rfb.background = "transparent";
  rfb.qualityLevel = 8;
  rfb.addEventListener("connect", () => {
    token = null; // used up; from here on the session cookie counts
    pauses = 0;
    show("connected");
    rfb.focus();
    offerClipboard(false);
  });
  rfb.addEventListener("disconnect", () => {
    rfb = null;
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
