// Keys that are typed while the connection is away for a moment are kept, and given to the next one.
const MOST = 500; // events
export const GOOD_FOR = 30000; // ms: nobody expects older ones to be typed
const MODIFIERS = ["AltGraph", "CapsLock", "NumLock", "ScrollLock", "Fn", "Meta"];
let kept = [];

function keep(event) {
  if (event.target instanceof HTMLTextAreaElement) return; // the field for the clipboard
  if (document.body.dataset.state === "connected") event.preventDefault(); // later the browser may have its own
  const { key, code, location, keyCode, repeat, ctrlKey, shiftKey, altKey, metaKey } = event;
  const init = { key, code, location, keyCode, repeat, ctrlKey, shiftKey, altKey, metaKey, bubbles: true, cancelable: true };
  for (const name of MODIFIERS) init[`modifier${name}`] = event.getModifierState(name);
  if (kept.length < MOST) kept.push({ type: event.type, init, at: Date.now() });
}

export function hold() {
  for (const type of ["keydown", "keyup"]) addEventListener(type, keep, true);
}

export function give(target) {
  for (const type of ["keydown", "keyup"]) removeEventListener(type, keep, true);
  const events = kept.filter((event) => Date.now() - event.at < GOOD_FOR);
  kept = [];
  for (const { type, init } of events) target.dispatchEvent(new KeyboardEvent(type, init));
}
