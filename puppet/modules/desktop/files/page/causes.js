// Why there is no desktop, in words, and what comes next. Pure: what it says follows from what is known alone.
//
// `answer` is the gateway's (null: none came), `token` whether there is an unused link, `connected` whether the desktop was
// ever seen, `failures` how many WebSockets in a row failed though the gateway would have let them in, `silent` whether the last
// one got through and nothing came.
const LINKS = {
  used: "This link is used up: it opens the desktop once, in one browser.",
  expired: "This link has expired.",
  revoked: "This link was withdrawn.",
  unknown: "This link is not known here: it is from another machine, or from before this one was started.",
};
const BLOCKED = "The machine answers, but no WebSocket gets through to it: a proxy or a browser's extension on the way holds " +
  "it back. Ask for a way without it; a link that was not used stays good until it expires. Trying again …";
const SILENT = "The machine answers, but your desktop does not: it may be very busy. Trying again …";

export function judge({ answer, token, connected, failures, silent, online, secure }) {
  if (!answer) return unreachable(connected, online, secure);
  if (!answer.session && token && answer.link !== "good") return ended(LINKS[answer.link] ?? LINKS.unknown);
  if (!answer.session && !token) return ended(connected ? "Your session has ended." : "This desktop opens with a link.");
  if (answer.desktop === "down") return { state: "waiting", message: "Your desktop is starting …" };
  if (silent) return { state: "connect", message: SILENT };
  if (failures < 2) return { state: "connect" };
  const certificate = " With a certificate of its own: load the page again, and accept it.";
  return { state: "connect", message: BLOCKED + (secure ? certificate : ""), reload: secure };
}

function ended(message) {
  return { state: "ended", message, asks: true };
}

function unreachable(connected, online, secure) {
  const begins = connected ? "The connection is interrupted: " : "";
  if (!online) return { state: "waiting", message: `${begins}this computer is offline. Trying again …` };
  const message = `${begins}the machine does not answer; it is off, or the way to it is cut. Trying again …`;
  const certificate = " If its certificate has changed, the browser accepts it no more: load the page again, and it says so.";
  return { state: "waiting", message: message + (secure ? certificate : ""), reload: secure };
}
