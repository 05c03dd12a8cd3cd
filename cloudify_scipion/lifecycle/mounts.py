"""The mount through which the user sees the working copy: writable, or for a seal read-only."""

from __future__ import annotations

from cloudify_scipion.lifecycle.layout import TARGET
from cloudify_scipion.lifecycle.ports import Shell


def make_writable(shell: Shell) -> None:
    """Let the user write through it again. The caller has taken the seal away."""
    shell.run(["mount", "-o", "remount,bind,rw", TARGET])


def is_read_only(shell: Shell) -> bool:
    """Whether the mount of the working copy is read-only, as the kernel says."""
    options = shell.run(["findmnt", "-n", "-o", "OPTIONS", "--mountpoint", TARGET]).stdout
    return "ro" in options.strip().split(",")


def make_read_only(shell: Shell) -> str:
    """Let nobody write through it any more; returns what the kernel has against it."""
    return shell.run(["mount", "-o", "remount,bind,ro", TARGET], expect=range(128)).stderr.strip()
