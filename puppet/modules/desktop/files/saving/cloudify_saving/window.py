"""What is seen: a line in the corner, questions, and windows about saving. `saving watch|now|status|kept`."""

from __future__ import annotations

import fcntl
import os
import sys
import time
import tkinter as tk
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import IO

from cloudify_saving.disks import full_disks
from cloudify_saving.folder import Folder, NotTaken
from cloudify_saving.looks import BACK, FONT, WIDTH, button, centre, new_window, tell
from cloudify_saving.standing import summary
from cloudify_saving.status import Question, line, open_questions
from cloudify_saving.versions_window import VersionsWindow

EVERY = 2000
"""Milliseconds between two looks at what the agent says."""
AGAIN = 86_400.0
"""Seconds until a question is asked again whose window was closed: once a day. The window about saving has it, too."""
TASK_BAR = 48
"""Pixels at the bottom that are the task bar's."""
ALARM, CALM = "#8c3b2e", "#17394c"
WISH = "scipion-desktop-saving.ask"
STEPS = ("watch", "now", "status", "kept")


class Watch:
    """Looks at what the agent says, and shows what the user has to know."""

    def __init__(self, root: tk.Tk, folder: Folder) -> None:
        self._root, self._folder = root, folder
        self._corner = Corner(root, folder)
        self._answered: list[Question] = []
        self._asked: dict[str, float] = {}
        self._open: tuple[Question, tk.Toplevel] | None = None

    def look(self) -> None:
        """One look, and the next one later."""
        if take_wish():
            self._ask_again()
        status = self._folder.status()
        self._corner.show(*line(status, full_disks()))
        self._ask_next(open_questions(status, self._answered))
        self._root.after(EVERY, self.look)

    def _ask_again(self) -> None:
        if self._open and self._open[1].winfo_exists():
            self._open[1].lift()
        else:
            self._asked.clear()

    def _ask_next(self, waiting: Sequence[Question]) -> None:
        if self._open and self._open[0] not in waiting:  # it has been answered elsewhere, or is about more by now
            if self._open[1].winfo_exists():
                self._asked.pop(self._open[0].id, None)
            self._open[1].destroy()
        if self._open and self._open[1].winfo_exists():
            return
        now = time.monotonic()
        question = next((one for one in waiting if now - self._asked.get(one.id, -AGAIN) >= AGAIN), None)
        self._open = None
        if question:
            self._asked[question.id] = now
            self._open = question, ask(self._root, question, partial(self._answer, question))

    def _answer(self, question: Question, word: str) -> None:
        try:
            self._folder.answer(question, word)
            self._answered.append(question)
        except NotTaken as error:
            tell(self._root, [str(error)])


class Corner:
    """A line in the corner that takes no focus. A click opens the window about saving, and hides the line.

    An alarm stays hidden until it is another one, progress until something else is hidden.
    """

    def __init__(self, root: tk.Tk, folder: Folder) -> None:
        self._root, self._folder = root, folder
        self._shown = self._hidden = ""
        self._window: tk.Toplevel | None = None
        self._label: tk.Label | None = None

    def show(self, text: str, alarm: bool) -> None:
        """Show this text instead of the last one; an empty one is no line."""
        self._shown = text if alarm else CALM
        if not text or self._shown == self._hidden:
            self._close()
            return
        if self._window is None or self._label is None:
            self._window = tk.Toplevel(self._root, bg=CALM)
            self._window.overrideredirect(True)
            self._label = tk.Label(
                self._window, fg="#ffffff", font=FONT, padx=14, pady=9, wraplength=WIDTH, justify="left", cursor="hand2"
            )
            self._label.pack()
            self._label.bind("<Button-1>", lambda _: self._clicked())
        self._label.configure(text=text, bg=ALARM if alarm else CALM)
        self._window.update_idletasks()
        width, height = self._window.winfo_reqwidth(), self._window.winfo_reqheight()
        left = self._window.winfo_screenwidth() - width - 16
        self._window.geometry(f"+{left}+{self._window.winfo_screenheight() - height - TASK_BAR}")

    def _clicked(self) -> None:
        self._hidden = self._shown
        self._close()
        tell(self._root, how_it_stands(self._folder))

    def _close(self) -> None:
        if self._window is not None:
            self._window.destroy()
        self._window = self._label = None


def ask(root: tk.Tk, question: Question, answer: Callable[[str], object]) -> tk.Toplevel:
    """A window with a question and a button for each answer. Closed without one, the question stays open."""

    def chosen(word: str) -> None:
        window.destroy()
        answer(word)

    window = new_window(root, [question.text])
    row = tk.Frame(window, bg=BACK)
    row.pack(anchor="e", padx=18, pady=(0, 16))
    for word in question.answers:
        button(row, word.capitalize(), partial(chosen, word)).pack(side="left", padx=(8, 0))
    centre(window)
    return window


def main(words: Sequence[str]) -> int:
    """`watch` is started with the session, the others by the menu."""
    step = words[0] if len(words) == 1 else ""
    if step not in STEPS:
        print(f"saving {'|'.join(STEPS)}", file=sys.stderr)
        return 2
    lock = _alone() if step == "watch" else None
    if step == "watch" and lock is None:
        return 0
    folder = Folder.known()
    root = tk.Tk(className="saving")
    root.withdraw()
    if step == "watch":
        Watch(root, folder).look()
    elif step == "kept":
        VersionsWindow(root, folder, root.destroy)
    else:
        tell(root, _said(folder, step), root.destroy)
        wish_question()
    root.mainloop()
    return 0


def _said(folder: Folder, step: str) -> list[str]:
    if step == "now":
        try:
            folder.save_now()
        except NotTaken as error:
            return [str(error)]
        status = folder.status()
        if status and status.pulled:
            return ["Your changes are being saved now. You can go on working."]
    return how_it_stands(folder)


def how_it_stands(folder: Folder) -> list[str]:
    """Everything about disks and saving, as paragraphs."""
    return [*full_disks(), *summary(folder.status(), time.time(), agent=folder.agent())]


def wish_question() -> None:
    """Whoever looks how things stand is asked again what he has closed, by the one who asks."""
    (_own_folder() / WISH).touch()


def take_wish() -> bool:
    """Whether that was wished since the last look."""
    try:
        (_own_folder() / WISH).unlink()
    except FileNotFoundError:
        return False
    return True


def _own_folder() -> Path:
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state")
    state.mkdir(parents=True, exist_ok=True)
    return state


def _alone() -> IO[str] | None:
    """A lock that one process of the user holds, for as long as it lives."""
    lock = (_own_folder() / "scipion-desktop-saving.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
