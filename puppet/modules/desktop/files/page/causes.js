// Why there is no desktop, in words, and whose move it is. Pure: what it says follows from what is known alone.
//
// `answer` is the gateway's (null: none came), `token` whether there is an unused link, `connected` whether the desktop was
// ever seen, `failures` how many WebSockets in a row failed though the gateway would have let them in, `silent` whether the last
// one got through and nothing came, `crowded` whether the gateway has ended it for another: coming back by itself it would end that.
const LINKS = {
  used: "This link is used up: it opens the desktop once, in one browser.",
  expired: "This link has expired: it was not opened in time.",
  revoked: "This link was withdrawn.",
  unknown: "This link is not known here: it is for another machine, or older than this one's last start.",
};
const GOES_ON = "Your files stay as they are, and steps go on while the machine runs.";
const BLOCKED = {
  message: "The machine answers, but something on the way holds the desktop's picture back.",
  next: "It is tried again all the time. If it stays so: try another network or another browser, or tell your IT support that no " +
    "WebSocket gets through (a proxy, a firewall or a browser's extension). A link that was not used stays good until it expires.",
};
const SILENT = {
  message: "The machine answers, but your desktop does not: it may be very busy.",
  next: "It is tried again all the time. If it lasts more than some minutes, tell who gave you the link.",
};
const CROWDED = {
  message: "Your desktop is open in too many windows, by you or by others: this one had to go.",
  next: `Close windows that nobody needs, then load the page again. ${GOES_ON}`,
};
const OWN_CERTIFICATE = " If your browser has warned of this page's certificate: load the page again, and accept it.";
const OTHER_CERTIFICATE = " If its certificate has changed, your browser accepts it no more: load the page again, and it says so.";

export function judge({ answer, token, connected, failures, silent, online, secure, crowded }) {
  if (crowded) return { state: "ended", ...CROWDED, reload: true };
  if (!answer) return unreachable(connected, online, secure);
  if (!answer.session && token && answer.link !== "good") return ended(LINKS[answer.link] ?? LINKS.unknown);
  if (!answer.session && !token) return connected ? ended("Your session has ended.", GOES_ON) : ended("This desktop opens with a link.");
  if (answer.desktop === "down") {
    return { state: "waiting", message: "Your desktop is starting …", next: "This takes a minute at most. If it lasts longer, tell who gave you the link." };
  }
  if (silent) return { state: "connect", ...SILENT };
  if (failures < 2) return { state: "connect" };
  return { state: "connect", ...BLOCKED, next: BLOCKED.next + (secure ? OWN_CERTIFICATE : ""), reload: secure };
}

function ended(message, next = "") {
  return { state: "ended", message, next, asks: true };
}

function unreachable(connected, online, secure) {
  const begins = connected ? "The connection is interrupted: " : "", goesOn = connected ? ` ${GOES_ON}` : "";
  if (!online) {
    return { state: "waiting", message: `${begins}this computer is offline.`, next: `The desktop comes back with its network.${goesOn}` };
  }
  return {
    state: "waiting",
    message: `${begins}the machine does not answer: it is off, or the way to it is cut.`,
    next: `It is tried again all the time.${goesOn} If it lasts more than some minutes, tell who gave you the link.` +
      (secure ? OTHER_CERTIFICATE : ""),
    reload: secure,
  };
}
