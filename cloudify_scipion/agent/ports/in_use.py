"""Whether any other program has a file open: the kernel knows, by the leases of fcntl(2).

Of a file of somebody else it tells that only to who has CAP_LEASE, as the agent's unit has.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import signal
from collections.abc import Iterator

_UNKNOWN = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.ENOLCK)
"""What a file system says that has no such leases, or a kernel to somebody who may not have one."""


@contextlib.contextmanager
def nobody_else_has_it(fd: int) -> Iterator[bool]:
    """Whether nobody else has the file of `fd` open; who opens it meanwhile waits until the end.

    Where the kernel cannot tell, that counts as nobody: the facts of the file have to do.
    """
    try:
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGWINCH)  # who waits is told to us by a signal that we do not heed
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError as error:
        yield error.errno in _UNKNOWN
        return
    try:
        yield True
    finally:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
