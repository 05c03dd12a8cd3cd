"""How the windows look."""

from __future__ import annotations

import tkinter as tk
from collections.abc import Callable, Sequence

TITLE = "Saving"
WIDTH = 460
BACK, TEXT, BUTTON, ACTIVE = "#eef3f5", "#203540", "#dfe8ec", "#2f8f93"
FONT, HEADING = ("Noto Sans", 10), ("Noto Sans", 10, "bold")


def new_window(root: tk.Tk, paragraphs: Sequence[str], title: str = TITLE) -> tk.Toplevel:
    """A window with a text, not yet seen."""
    window = tk.Toplevel(root, bg=BACK, class_=root.winfo_class())
    window.withdraw()
    window.title(title)
    window.resizable(False, False)
    tk.Frame(window, bg=BACK, width=WIDTH).pack(padx=18)
    for place, paragraph in enumerate(paragraphs):
        font = HEADING if place == 0 and len(paragraphs) > 1 else FONT
        label = tk.Label(window, text=paragraph, bg=BACK, fg=TEXT, font=font, wraplength=WIDTH, justify="left")
        label.pack(anchor="w", padx=18, pady=(16 if place == 0 else 0, 12))
    return window


def button(parent: tk.Misc, text: str, command: Callable[[], None]) -> tk.Button:
    """A button."""
    made = tk.Button(parent, text=text, command=command, font=FONT, relief="flat", padx=16, pady=5)
    made.configure(bg=BUTTON, fg=TEXT, activebackground=ACTIVE, activeforeground="#ffffff")
    return made


def tell(
    root: tk.Tk, paragraphs: Sequence[str], close: Callable[[], None] | None = None, title: str = TITLE
) -> tk.Toplevel:
    """A window with a text."""
    window = new_window(root, paragraphs, title)
    done = close or window.destroy
    window.protocol("WM_DELETE_WINDOW", done)
    button(window, "Close", done).pack(anchor="e", padx=18, pady=(0, 16))
    centre(window)
    return window


def centre(window: tk.Toplevel) -> None:
    """Show it in the middle of the screen."""
    window.update_idletasks()
    left = (window.winfo_screenwidth() - window.winfo_reqwidth()) // 2
    window.geometry(f"+{left}+{(window.winfo_screenheight() - window.winfo_reqheight()) // 3}")
    window.deiconify()
