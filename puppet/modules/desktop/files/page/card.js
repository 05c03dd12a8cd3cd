// The card in the middle, which is there when the desktop is not.
const $ = (id) => document.getElementById(id);

export function show({ state, message, next = "", asks = false, reload = false }) {
  if (state !== "connect") document.body.dataset.state = state;
  if (message) {
    $("message").textContent = message[0].toUpperCase() + message.slice(1);
    $("next").textContent = next;
  }
  $("hint").hidden = $("command").hidden = !asks;
  $("reload").hidden = !reload;
}
