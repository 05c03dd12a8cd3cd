"""What people and portals see of the saving."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from cloudify_scipion.agent import trash_list
from cloudify_scipion.agent.config import Config
from cloudify_scipion.agent.plan.names import readable
from cloudify_scipion.agent.plan.text import parse, shown
from cloudify_scipion.agent.ports.index import INDEX, Index
from cloudify_scipion.agent.work.pull.pull import SCANNED
from cloudify_scipion.agent.work.push.push import SAVED
from cloudify_scipion.agent.work.questions import DESTROYED, REPLACED
from cloudify_scipion.agent.work.seal import seal
from cloudify_scipion.agent.work.trash.bring_back import RESTORED
from cloudify_scipion.agent.work.world import PULLED

WORKS = ("pull", "push", "scan", "verify", "seal")
PROOFS = ("push", "verify", "seal")
"""Works after which, if they succeed, it is known what is saved."""
NAMED, ALARMS = 10, 20
"""So many of the files that are still being written are named, and so many alarms told."""
PROGRESS, SUMMARY = "progress.json", "status.json"
_IDLE: dict[str, Any] = {
    "work": "", "phase": "", "files_done": 0, "files_total": 0, "bytes_done": 0, "bytes_total": 0, "rate": 0,
    "seconds_left": None,
}  # fmt: skip


def document(config: Config) -> dict[str, Any]:
    """The status; what cannot be read by the caller is taken from the last summary."""
    summary = empty() | (_read(config.run / SUMMARY) or {})
    progress = _read(config.run / PROGRESS) or {}
    if not _alive(progress.get("pid")):
        progress = {}
    told = {**summary, **{key: progress.get(key, default) for key, default in _IDLE.items()}}
    return {**told, "doubt": _doubt(told)}


def empty() -> dict[str, Any]:
    """Before anything was done."""
    return {"pulled": False, "unsaved": 0, "saved": None, "scanned": None, "last": {}, "questions": [], "alarms": [],
            "seal": None, "held": {"files": 0, "bytes": 0}, "restored": [], "busy": []}  # fmt: skip


def lines(status: dict[str, Any]) -> list[str]:
    """The status in words, a line for each thing to know."""
    out = []
    if status["work"]:
        left = status["seconds_left"]
        out.append(
            f"{status['work']}: {status['phase']}, {status['files_done']} of {status['files_total']} files, "
            f"{shown(status['bytes_done'])} of {shown(status['bytes_total'])}, {shown(status['rate'])}/s"
            + (f", {left // 60} min {left % 60} s left" if left is not None else "")
        )
    out.append(f"last saved: {status['saved'] or 'never'}; {_unsaved(status)}")
    if status["busy"]:
        out.append(f"still being written: {', '.join(status['busy'])}")
    if status["held"]["files"]:
        out.append(f"waiting for an answer: {status['held']['files']} files, {shown(status['held']['bytes'])}")
    for name, result in status["last"].items():
        if not result["ok"]:
            out.append(f"{name}: {result['message']}" + (f"\n  next: {result['next']}" if result["next"] else ""))
    out += [f"brought back from the trash: {one['path']}" + (f" as {one['as']}" if one["as"] != one["path"] else "")
            for one in status["restored"][-3:] if one["as"]]  # fmt: skip
    out += [f"question: {question['text']} (scipion-data answer {question['id']} {'|'.join(question['answers'])})"
            for question in status["questions"]]  # fmt: skip
    out += [f"alarm: {text}" for text in status["alarms"]]
    return out


def _doubt(status: dict[str, Any]) -> str:
    """Why more may be unsaved than is known, since a 0 reads as: everything is saved; empty if there is no reason."""
    last = status["last"]
    failed = [work for work in PROOFS if work in last and not last[work]["ok"]]
    reasons = [] if status["pulled"] else ["the first pull is not complete"]
    reasons += [f"the last {' and '.join(failed)} did not succeed"] if failed else []
    return "; ".join(reasons)


def _unsaved(status: dict[str, Any]) -> str:
    if not status["doubt"]:
        return f"not saved: {status['unsaved']} files"
    known = f"at least {status['unsaved']} files" if status["unsaved"] else "unknown"
    return f"not saved: {known} ({status['doubt']})"


def write_summary(config: Config, ended: Mapping[str, Any]) -> None:
    """Put what the index says, and how a work has `ended`, where everybody may read it.

    It also goes beside the index, from where the next boot takes it.
    """
    known = {work: _read(config.state / "results" / f"{work}.json") for work in WORKS} | dict(ended)
    summary = empty() | {
        "last": {work: result for work, result in known.items() if result},
        "seal": _read(config.state / seal.NAME),
    }
    path = config.state / INDEX
    if path.exists():
        with contextlib.suppress(sqlite3.Error), closing(Index(path, reading=True)) as index:
            summary |= _of_index(index)
            trash_list.write_list(config, index)
    _put(config.run, summary)
    with contextlib.suppress(OSError):  # a full volume: the next boot finds an older one
        _put(config.state, summary)


def _put(folder: Path, summary: dict[str, Any]) -> None:
    part = folder / "status.part"
    part.write_text(json.dumps(summary, indent=1))
    part.chmod(0o644)
    part.rename(folder / SUMMARY)


def _of_index(index: Index) -> dict[str, Any]:
    files, size = index.people.waiting_totals()
    return {
        "pulled": bool(index.get_state(PULLED)), "saved": index.get_state(SAVED), "scanned": index.get_state(SCANNED),
        "unsaved": index.unsaved(asked=(REPLACED, DESTROYED)), "restored": index.get_state(RESTORED) or [],
        "busy": [readable(os.fsdecode(path)) for path in index.attempts.busiest(NAMED)],
        "held": {"files": files, "bytes": size}, "questions": index.people.questions(),
        "alarms": [f"{at} {text}" for at, _, text in index.people.events(ALARMS, "alarm")],
    }  # fmt: skip


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document = parse(path.read_bytes())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _alive(pid: object) -> bool:
    return isinstance(pid, int) and os.path.exists(f"/proc/{pid}")  # noqa: PTH110 - one call, many times
