"""A window that says something, for the desktop's programs: `note TITLE PARAGRAPH ...`."""

from __future__ import annotations

import sys
import tkinter as tk
from collections.abc import Sequence

from cloudify_saving.looks import tell


def main(words: Sequence[str]) -> int:
    """Until it is closed."""
    if len(words) < 2:
        print("note TITLE PARAGRAPH ...", file=sys.stderr)
        return 2
    root = tk.Tk(className="note")
    root.withdraw()
    tell(root, words[1:], root.destroy, title=words[0])
    root.mainloop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
