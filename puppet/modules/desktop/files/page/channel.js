// The WebSocket to the gateway, which remembers the keys it was given: those that a cut lost on their way are sent again.
import { paced } from "./pace.js";

const MOST = 200; // keys
const KEY = 4, EXTENDED_KEY = 255; // RFB's messages

export function openChannel(token) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const tab = crypto.getRandomValues(new Uint32Array(4)).join("-");
  const protocols = ["binary", `tab.${tab}`, ...(token ? [`link.${token}`] : [])];
  const socket = new WebSocket(`${scheme}://${location.host}/websockify`, protocols);
  const keys = [];
  let sent = 0; // bytes
  socket.tab = tab;
  socket.opened = false;
  socket.addEventListener("open", () => { socket.opened = true; });
  const send = paced((bytes) => {
    WebSocket.prototype.send.call(socket, bytes);
    if (isKey(bytes)) keys.push({ at: sent, bytes });
    if (keys.length > MOST) keys.shift();
    sent += bytes.length;
  });
  socket.send = (data) => {
    send(ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data));
  };
  // What the gateway has not received.
  socket.lost = (received) => [...keys.filter((key) => key.at >= received).map((key) => key.bytes), ...send.waiting.filter(isKey)];
  return socket;
}

function isKey(bytes) {
  return bytes[0] === KEY || bytes[0] === EXTENDED_KEY;
}
