// Letters that the desktop's layout lacks are added to it as they come, and all programs there read it anew each time. Typed by a
// person, that is soon enough; those that were kept for a while come all at once, so they leave one by one. Nothing overtakes.
const APART = 100; // ms between two different ones: hardly anybody types faster for long
// X's numbers of those that have keys there (keymap.xkb): Latin and kana, Cyrillic and Greek, signs, œ and €, Unicode's kana.
const HAVE_KEYS = [[0x100, 0x4ff], [0x6a0, 0x7ff], [0xa00, 0xaff], [0x1000, 0x20ff], [0x1003040, 0x10030ff]];
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

// The letter that goes down in a message, if it has no key; keys that are no letters have numbers from 0xfe00 to 0xffff.
function foreign(bytes) {
  const down = bytes[0] === KEY ? bytes[1] : bytes[0] === EXTENDED_KEY ? bytes[3] : 0;
  if (!down) return 0;
  const letter = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4);
  const has = letter <= 0xff || (letter >= 0xfe00 && letter <= 0xffff);
  return has || HAVE_KEYS.some(([first, last]) => letter >= first && letter <= last) ? 0 : letter;
}
