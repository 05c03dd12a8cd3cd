"""How things stand with saving, in one line: the page beside the desktop and the window about saving say the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cloudify_saving.status import Result, Status, alarm, clock, first_line, progress, size

GOOD, BUSY, BAD, NONE = "good", "busy", "bad", "none"
NO_SPACE = "No data space: copy what you need"
LATE = 3600.0
"""Seconds without a save, and without anything going on, after which saving has stopped: it begins every 5 minutes."""
_WHAT = "Your folder ScipionUserData is saved every few minutes. What lies elsewhere on this machine is not."
_OWN_COPIES = (
    "What you keep in your folder ScipionUserData stays while the project lasts, and goes with it. "
    "Copy results that you need to your own computer before its time is over."
)
_NAMED = 3
"""So many alarms have room in a window on a small screen."""
_WORKS = {
    "pull": "your data are fetched", "push": "changes are saved", "scan": "the data space is looked through",
    "verify": "what was saved is compared", "seal": "the project is brought to its end",
}  # fmt: skip
_PROOFS = ("verify", "seal")
_COUNTED = ("saving", "pulling")
"""Phases whose numbers are of files that are saved or fetched."""


@dataclass(frozen=True)
class Standing:
    """`mood` is one of the four above (NONE: nothing is saved here). `{at}` in the text stands for `at`, in seconds
    since 1970, as the clock of whoever reads it shows that."""

    mood: str
    text: str
    at: float = 0.0

    def line(self, now: float) -> str:
        """The text by the clock of this machine."""
        return self.text.replace("{at}", clock(self.at, now), 1) if self.at else self.text


def standing(status: Status | None, now: float, *, agent: bool = True) -> Standing:
    """The line; `now` in seconds since 1970. `agent`: whether anything on this machine saves at all."""
    if not agent:
        return Standing(NONE, NO_SPACE)
    if status is None:
        return Standing(BUSY, "Saving begins in a moment")
    if not status.pulled:
        return _fetching(status)
    last = status.last.get("pull")
    at = status.saved or (last.at if last else 0.0)
    return _wrong(status, at, now) or _going(status) or Standing(GOOD, "All saved, {at}" if at else "All saved", at)


def summary(status: Status | None, now: float, *, agent: bool = True) -> list[str]:
    """Everything that the user may want to know about saving, as paragraphs; `now` in seconds since 1970."""
    found = [f"{standing(status, now, agent=agent).line(now)}."]
    if status is None:
        return [*found, _WHAT if agent else _OWN_COPIES]
    if status.work and status.pulled:
        found.append(f"Now: {_WORKS.get(status.work, status.work)} ({progress(status)}).")
    push = _failed(status, "push")
    if push and push.next:
        found.append(f"{push.next[0].upper()}{push.next[1:]}.")
    if status.held_files:
        found.append(f"{_files(status.held_files)}, {size(status.held_bytes)}, wait for your answer.")
    found += [f"Attention: {alarm(text)}" for text in status.alarms[: -_NAMED - 1 : -1]]
    earlier = len(status.alarms) - _NAMED
    return [*found, *([f"And {earlier} earlier ones."] if earlier > 0 else []), _WHAT]


def _fetching(status: Status) -> Standing:
    if status.work == "pull":
        return Standing(BUSY, f"Your data are being fetched{_to_go(status)}")
    if pull := _failed(status, "pull"):
        return Standing(BAD, f"Your data could NOT BE FETCHED: {first_line(pull.message)}")
    return Standing(BUSY, "Your data have not been fetched yet")


def _wrong(status: Status, at: float, now: float) -> Standing | None:
    """What nobody may overlook."""
    if push := _failed(status, "push"):
        return Standing(BAD, f"NOT SAVED: {first_line(push.message)}")
    if status.questions:
        return Standing(BAD, "A question about your files waits for your answer")
    proof = next((found for work in _PROOFS if (found := _failed(status, work))), None)
    if proof:
        return Standing(BAD, f"It is not certain that all is saved: {first_line(proof.message)}")
    if at and not status.work and now - at > LATE:
        return Standing(BAD, "NOT SAVED since {at}: nothing saves any more", at)
    return None


def _going(status: Status) -> Standing | None:
    """What will be saved in a while."""
    if status.work == "push" and _left(status):
        return Standing(BUSY, f"Saving{_to_go(status)}")
    if status.unsaved:
        return Standing(BUSY, f"{_files(status.unsaved)} not saved yet")
    return None


def _failed(status: Status, work: str) -> Result | None:
    result = status.last.get(work)
    return replace(result, message=result.message or "the reason is not known") if result and not result.ok else None


def _to_go(status: Status) -> str:
    return f": {_files(_left(status))} to go" if _left(status) else ""


def _left(status: Status) -> int:
    return max(0, status.files_total - status.files_done) if status.phase in _COUNTED else 0


def _files(count: int) -> str:
    return f"{count:,} file{'s' if count != 1 else ''}"
