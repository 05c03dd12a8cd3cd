"""How the windows look."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Sequence

TITLE = "Saving"
WIDTH = 460
BACK, TEXT, BUTTON, ACTIVE = "#eef3f5", "#203540", "#dfe8ec", "#2f8f93"
FONT = ("Noto Sans", 10)


def new_window(root: tk.Tk, paragraphs: Sequence[str], title: str = TITLE) -> tk.Toplevel:
    """A window with a text, not yet seen."""
    window = tk.Toplevel(root, bg=BACK)
    window.withdraw()
    window.title(title)
    window.resizable(False, False)
    for place, paragraph in enumerate(paragraphs):
        label = tk.Label(window, text=paragraph, bg=BACK, fg=TEXT, font=FONT, wraplength=WIDTH, justify="left")
        label.pack(anchor="w", padx=18, pady=(16 if place == 0 else 0, 12))
    return window


def button(parent: tk.Misc, text: str, command: Callable[[], None]) -> tk.Button:
    """A button."""
    made = tk.Button(parent, text=text, command=command, font=FONT, relief="flat", padx=16, pady=5)
    made.configure(bg=BUTTON, fg=TEXT, activebackground=ACTIVE, activeforeground="#ffffff")
    return made


def centre(window: tk.Toplevel) -> None:
    """Show it in the middle of the screen."""
    window.update_idletasks()
    left = (window.winfo_screenwidth() - window.winfo_reqwidth()) // 2
    window.geometry(f"+{left}+{(window.winfo_screenheight() - window.winfo_reqheight()) // 3}")
    window.deiconify()
