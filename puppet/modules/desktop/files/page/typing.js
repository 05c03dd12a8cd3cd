// Keys that are typed while the connection is away for a moment are kept, and given to the next one, which knows of no key that is
// still down: it gets the modifiers that are, or the c of a Ctrl that is held would be a letter.
const MOST = 500; // events
export const GOOD_FOR = 30000; // ms: nobody expects older ones to be typed
const STATES = ["AltGraph", "CapsLock", "NumLock", "ScrollLock", "Fn", "Meta"];
const MODIFIERS = new Set(["Shift", "Control", "Alt", "AltGraph", "Meta"]);
const down = new Map(); // modifiers, by their place on the keyboard
let before = new Map(); // those of the moment in which the connection went
let kept = [];
let holding = false;

function copied(event) {
  const { key, code, location, keyCode, repeat, ctrlKey, shiftKey, altKey, metaKey } = event;
  const init = { key, code, location, keyCode, repeat, ctrlKey, shiftKey, altKey, metaKey, bubbles: true, cancelable: true };
  for (const name of STATES) init[`modifier${name}`] = event.getModifierState(name);
  return { type: event.type, init, at: Date.now() };
}

function note(map, { type, init }) {
  if (!MODIFIERS.has(init.key)) return;
  type === "keydown" ? map.set(init.code, init) : map.delete(init.code);
}

function hear(event) {
  const key = copied(event);
  note(down, key);
  if (!holding || event.target instanceof HTMLTextAreaElement) return; // the field for the clipboard
  if (document.body.dataset.state === "connected") event.preventDefault(); // later the browser may have its own
  if (kept.length < MOST || event.type === "keyup") kept.push(key);
}

// What is let go of in another window is not heard here.
function leave() {
  if (holding) for (const init of down.values()) kept.push({ type: "keyup", init, at: Date.now() });
  down.clear();
}

for (const type of ["keydown", "keyup"]) addEventListener(type, hear, true);
addEventListener("blur", leave);

export function hold() {
  before = new Map(down);
  holding = true;
}

export function give(target) {
  const old = kept.filter((key) => Date.now() - key.at >= GOOD_FOR), fresh = kept.slice(old.length);
  for (const key of old) note(before, key);
  const pressed = [...before.values()].map((init) => ({ type: "keydown", init }));
  holding = false;
  before = new Map();
  kept = [];
  for (const { type, init } of [...pressed, ...fresh]) target.dispatchEvent(new KeyboardEvent(type, init));
}
