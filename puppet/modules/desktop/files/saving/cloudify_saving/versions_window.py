"""A window with what was replaced or deleted, and a button to get it back."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable

from cloudify_saving.folder import Folder, NotTaken
from cloudify_saving.looks import BACK, FONT, TEXT, button, centre, new_window
from cloudify_saving.versions import Version, found, shown

TITLE = "Earlier versions of your files"
HINT = (
    "What was changed or deleted is kept for some days. A version comes back under its name, or beside the file that "
    "is there now: nothing is replaced. Type a part of a name to find it."
)
NOTHING = "There are none yet: nothing that was saved has been changed or deleted."
NO_SUCH = "No file has that in its name."
LINES, COLUMNS = 18, 100


class VersionsWindow:
    """The list, a field to search it, and the button."""

    def __init__(self, root: tk.Tk, folder: Folder, close: Callable[[], None] | None = None) -> None:
        self._folder, self._all, self._listed = folder, folder.versions(), list[Version]()
        self.window = new_window(root, [HINT], TITLE)
        self.window.protocol("WM_DELETE_WINDOW", close or self.window.destroy)
        self.search = tk.Entry(self.window, font=FONT, fg=TEXT)
        self.search.pack(fill="x", padx=18, pady=(0, 8))
        self.search.bind("<KeyRelease>", lambda _: self.show())
        self.list = self._make_list()
        self.said = tk.Label(self.window, bg=BACK, fg=TEXT, font=FONT, wraplength=600, justify="left")
        self.said.pack(anchor="w", padx=18, pady=8)
        row = tk.Frame(self.window, bg=BACK)
        row.pack(anchor="e", padx=18, pady=(0, 16))
        button(row, "Get it back", self.restore).pack(side="left", padx=(8, 0))
        button(row, "Close", close or self.window.destroy).pack(side="left", padx=(8, 0))
        self.show()
        centre(self.window)
        self.search.focus_set()

    def _make_list(self) -> tk.Listbox:
        frame = tk.Frame(self.window, bg=BACK)
        frame.pack(fill="both", expand=True, padx=18)
        lines = tk.Listbox(frame, font=("monospace", 9), fg=TEXT, width=COLUMNS, height=LINES, selectmode="extended")
        bar = tk.Scrollbar(frame, command=lines.yview)
        lines.configure(yscrollcommand=bar.set)
        lines.pack(side="left", fill="both", expand=True)
        bar.pack(side="right", fill="y")
        lines.bind("<Double-Button-1>", lambda _: self.restore())
        return lines

    def show(self) -> None:
        """List what fits the words in the field."""
        self._listed = found(self._all, self.search.get())
        self.list.delete(0, "end")
        self.list.insert("end", *map(shown, self._listed))
        self.said.configure(text="" if self._listed else NO_SUCH if self._all else NOTHING)

    def restore(self) -> None:
        """Have the chosen versions brought back."""
        numbers = self.list.curselection()  # type: ignore[no-untyped-call]  # tkinter's hints lack this one
        chosen = [self._listed[number] for number in numbers]
        if not chosen:
            self.said.configure(text="Choose a file in the list first.")
            return
        try:
            for version in chosen:
                self._folder.restore(version)
            self.said.configure(text=f"{len(chosen)} file(s) come back in a moment: look in their folder.")
        except NotTaken as error:
            self.said.configure(text=str(error))
