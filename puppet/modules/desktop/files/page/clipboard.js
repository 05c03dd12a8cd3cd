// The clipboards of browser and desktop. Where the browser gives no access (plain HTTP, a user's no), a field takes its place.
import { note } from "./strip.js";

const $ = (id) => document.getElementById(id);
let copied = ""; // last on the desktop

export function fromDesktop(text) {
  copied = text;
  navigator.clipboard?.writeText(text).catch(() => {}); // the browser may not allow it now: the field has it
}

// Silently, when the window is entered and it is allowed.
export async function offer(rfb) {
  try {
    const permission = await navigator.permissions.query({ name: "clipboard-read" });
    if (permission.state === "granted") await paste(rfb);
  } catch { /* not every browser knows this permission */ }
}

// On the button: by the browser if it lets us, else by hand.
export async function ask(rfb) {
  try {
    note(await paste(rfb) ? "Handed over: now paste it on the desktop" : "There is no text in this computer's clipboard");
    rfb.focus();
  } catch {
    $("text").value = copied;
    $("clipboard").showModal();
    $("text").select();
  }
}

async function paste(rfb) {
  const text = await navigator.clipboard.readText();
  if (text) rfb.clipboardPasteFrom(text);
  return Boolean(text);
}

export function connectField(current) {
  $("clipboard").addEventListener("close", () => {
    if ($("clipboard").returnValue === "send") current()?.clipboardPasteFrom($("text").value);
    current()?.focus();
  });
}
