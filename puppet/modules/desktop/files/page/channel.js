// The WebSocket to the gateway, which remembers the keys it was given: those that a cut lost on their way are sent again.
import { paced } from "./pace.js";

const MOST = 200; // keys
const MADE_ROOM = 4000; // the gateway's code for a connection that had to go
const KEY = 4, EXTENDED_KEY = 255, LENGTHS = { [KEY]: 8, [EXTENDED_KEY]: 12 }; // RFB's messages

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
  socket.addEventListener("close", (event) => { socket.crowded = event.code === MADE_ROOM; });
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
  socket.lost = (received) => {
    const there = keys.filter((key) => key.at < received), gone = keys.filter((key) => key.at >= received);
    return whole(there.map((key) => key.bytes), [...gone.map((key) => key.bytes), ...send.waiting.filter(isKey)]);
  };
  return socket;
}

// A server lets go of all keys when a connection ends, and the next one's keyboard does not know those that are still down: so keys
// that are sent again begin with the modifiers that were held, or Ctrl+C would be a c, and end with all let go, or Ctrl would stay.
export function whole(there, gone) {
  if (!gone.length) return [];
  const keys = [...held(there).filter(isModifier), ...gone];
  return [...keys, ...held(keys).map(letGo)];
}

function held(keys) {
  const down = new Map();
  for (const key of keys) key[place(key)] ? down.set(name(key), key) : down.delete(name(key));
  return [...down.values()];
}

function letGo(key) {
  const up = key.slice();
  up[place(key)] = 0;
  return up;
}

function place(key) { // of whether it is down
  return key[0] === KEY ? 1 : 3;
}

function name(key) { // a key is the same though its letter may be another by then
  return (key[0] === KEY ? key.slice(4, 8) : key.slice(8, 12)).join();
}

function isModifier(key) { // Shift, Ctrl, Meta, Alt, Super, Hyper, AltGr; no lock, which would change
  const number = 256 * key[6] + key[7];
  return (number >= 0xffe1 && number <= 0xffee && number !== 0xffe5 && number !== 0xffe6) || number === 0xfe03;
}

export function isKey(bytes) { // a long text goes in pieces, which begin with anything
  return bytes.length === LENGTHS[bytes[0]];
}
