// The link's token lives in the URL's fragment, which browsers never send; it is taken out of the address bar at once and
// goes to the gateway in headers that nobody logs. Until it is used, this tab keeps it, so that a reload loses no link.
const KEY = "desktop-link";

// What a mail program takes for a part of the link is none: no WebSocket can be made with it.
export let token = new URLSearchParams(location.hash.slice(1)).get("token")?.match(/[\w-]+/)?.[0];
if (token) sessionStorage.setItem(KEY, token);
else token = sessionStorage.getItem(KEY);
if (location.hash) history.replaceState(null, "", "/");

export function forget() {
  token = null;
  sessionStorage.removeItem(KEY);
}
