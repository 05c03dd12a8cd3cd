// The line above the desktop: how saving stands, how much time is left, by the reader's own clock, and who is there as well.
const HOUR = 3600, DAY = 24 * HOUR;
const LITTLE = 3 * DAY; // s: what is left is worth another colour
const OTHERS = "They see your desktop, and only look on or work on it as well. Who gave you the link knows who, and can end that.";
const NOTE_STAYS = 5000; // ms
const $ = (id) => document.getElementById(id);
let noted = null;

// What the gateway has answered; times in seconds since 1970.
export function tell({ session, saving, ends, others = 0 }, now = Date.now() / 1000) {
  if (!session) return;
  put("others", { mood: "good", text: `${others} other${others === 1 ? " is" : "s are"} connected`, title: OTHERS });
  $("others").hidden = !others;
  put("saving", { mood: saving.mood, text: saving.at ? saving.text.replace("{at}", moment(saving.at, now)) : saving.text });
  if (ends) put("left", timeLeft(ends, now));
}

export function note(text) {
  $("note").textContent = text;
  clearTimeout(noted);
  noted = setTimeout(() => { $("note").textContent = ""; }, NOTE_STAYS);
}

function timeLeft(ends, now) {
  const left = ends - now, end = moment(ends, now);
  if (left <= 0) return { mood: "bad", text: "Time is over: copy what you need", title: `The project's time was over at ${end}.` };
  const title = `The project's time ends: ${end}. If you need more, ask who gave you the link, before that.`;
  if (left >= DAY) return { mood: left < LITTLE ? "little" : "good", text: `${count(left / DAY, "day")} left`, title };
  const text = left >= HOUR ? count(left / HOUR, "hour") : count(Math.max(1, left / 60), "minute");
  return { mood: "bad", text: `${text} left, until ${end}`, title };
}

function count(number, unit) {
  const whole = Math.floor(number);
  return `${whole} ${unit}${whole === 1 ? "" : "s"}`;
}

function moment(seconds, now) {
  const date = new Date(1000 * seconds), today = date.toDateString() === new Date(1000 * now).toDateString();
  const time = { hour: "2-digit", minute: "2-digit" };
  return date.toLocaleString("en-GB", today ? time : { ...time, weekday: "short", day: "numeric", month: "long" });
}

function put(id, { mood, text, title = text }) { // touches nothing that stays as it is
  const place = $(id);
  if (place.textContent !== text) place.textContent = text;
  if (place.title !== title) place.title = title;
  place.dataset.mood = mood;
  place.hidden = false;
}
