"""mfusepy, with raw arguments: paths as bytes, libfuse's own buffers, the flags of rename, attributes in readdir."""

from __future__ import annotations

import ctypes
import os
import threading
import traceback
from collections.abc import Callable
from errno import EIO
from typing import Any

# mfusepy would take libfuse 2 where it is installed. No look-up through ldconfig: the name is the library's ABI.
os.environ.setdefault("FUSE_LIBRARY_PATH", "libfuse3.so.3")

from mfusepy import FUSE, c_stat, fuse_get_context  # type: ignore[import-untyped] # noqa: E402

__all__ = ["Binding", "c_stat", "fuse_get_context"]


_thread = threading.local()


class Binding(FUSE):  # type: ignore[misc]
    """Mounts and serves until it is unmounted.

    `dispatch` is called with the name of the operation and libfuse's arguments, as `struct fuse_operations` lists them;
    OSError becomes the call's error. `names` are the operations that libfuse is told of (the others get its defaults).
    mfusepy's own methods of these names decode, copy, and drop rename's flags: they are only used for their names.
    """

    def __init__(self, dispatch: Callable[..., int | None], names: frozenset[str], mountpoint: str, **options: Any):
        self.dispatch = dispatch
        super().__init__(_Named(names), mountpoint, foreground=True, **options)

    def _wrapper(self, function: Callable[..., Any], *arguments: Any) -> int:
        if not hasattr(_thread, "kept"):
            # Else Python would make its state of this thread of libfuse's anew for every call, which costs more than
            # most calls do: one PyGILState_Ensure without its Release keeps it.
            _thread.kept = ctypes.pythonapi.PyGILState_Ensure()
        try:
            return self.dispatch(function.__name__.removesuffix("_fuse_3"), arguments) or 0
        except OSError as error:
            return -(error.errno or EIO)
        except BaseException:  # noqa: BLE001  (an exception that reaches libfuse ends the process)
            traceback.print_exc()
            return -EIO


class _Named:
    """What mfusepy asks for the operations that there are."""

    use_ns = True

    def __init__(self, names: frozenset[str]):
        self.names = names

    def __getattr__(self, name: str) -> Any:
        if name in self.names:
            return True
        raise AttributeError(name)
