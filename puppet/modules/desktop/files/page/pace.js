// Letters that the desktop's layout lacks are added to it as they come, and all programs there read it anew each time. Typed by a
// person, that is soon enough; those that were kept for a while come all at once, so they leave one by one. Nothing overtakes.
const APART = 50; // ms between two different ones: more than anybody types
const KEY = 4, EXTENDED_KEY = 255; // RFB's messages

// `send`, but paced. Its `waiting` are the messages that have not left.
export function paced(send) {
  const waiting = [];
  let last = 0, free = 0, timer = null;
  const drain = () => {
    timer = null;
    while (waiting.length) {
      const letter = foreign(waiting[0]), wait = free - performance.now();
      if (letter && letter !== last && wait > 0) {
        timer = setTimeout(drain, wait);
        return;
      }
      if (letter && letter !== last) free = performance.now() + APART;
      if (letter) last = letter;
      send(waiting.shift());
    }
  };
  const push = (bytes) => {
    waiting.push(bytes.slice()); // noVNC writes into its buffer again
    if (!timer) drain();
  };
  push.waiting = waiting;
  return push;
}

// The letter that goes down in a message, if it is none of Latin-1; keys that are no letters have numbers from 0xfe00 to 0xffff.
function foreign(bytes) {
  const down = bytes[0] === KEY ? bytes[1] : bytes[0] === EXTENDED_KEY ? bytes[3] : 0;
  if (!down) return 0;
  const letter = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4);
  return letter > 0xff && (letter < 0xfe00 || letter > 0xffff) ? letter : 0;
}
