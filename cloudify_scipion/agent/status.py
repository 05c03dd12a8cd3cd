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
from cloudify_scipion.agent.plan.documents import parse
from cloudify_scipion.agent.plan.names import readable
from cloudify_scipion.agent.plan.sizes import shown

WORKS = ("pull", "push", "scan", "verify", "seal")
PROOFS = ("push", "verify", "seal")
"""Works after which, if they succeed, it is known what is saved."""
NAMED = 10
"""So many of the files that are still being written are named."""
PROGRESS, SUMMARY = "progress.json", "status.json"


def document(config: Config) -> dict[str, Any]:
    """The status; what cannot be read by the caller is taken from the last summary."""
    summary = empty() | (_read(config.run / SUMMARY) or {})
    progress = _read(config.run / PROGRESS) or {}
    if not _alive(progress.get("pid")):
        progress = {}
    told = {**summary, **{key: progress.get(key, default) for key, default in _IDLE.items()}}
    return {**told, "doubt": _doubt(told)}


_IDLE: dict[str, Any] = {
    "work": "", "phase": "", "files_done": 0, "files_total": 0, "bytes_done": 0, "bytes_total": 0, "rate": 0,
    "seconds_left": None,
}  # fmt: skip


def empty() -> dict[str, Any]:
    """Before anything was done."""
    return {"pulled": False, "unsaved": 0, "saved": None, "scanned": None, "last": {}, "questions": [], "alarms": [],
            "seal": None, "held": {"files": 0, "bytes": 0}, "restored": [], "busy": []}  # fmt: skip


def lines(status: dict[str, Any]) -> list[str]:
    """The same for a person."""
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
        "seal": _read(config.state / "seal.json"),
    }
    path = config.state / "index.sqlite"
    if path.exists():
        with closing(sqlite3.connect(path)) as index:
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


def _of_index(index: sqlite3.Connection) -> dict[str, Any]:
    try:
        kept = {key: json.loads(value) for key, value in index.execute("SELECT key, value FROM state")}
        unsaved = index.execute("SELECT count(*) FROM files WHERE rsize=-1").fetchone()[0]
        unsaved += index.execute(
            "SELECT count(*) FROM (SELECT path FROM busy UNION SELECT path FROM failed"
            " UNION SELECT path FROM asked WHERE question IN ('replaced', 'destroyed'))"
        ).fetchone()[0]
        busy = index.execute("SELECT path FROM busy ORDER BY tries DESC, path LIMIT ?", (NAMED,)).fetchall()
        unsaved += kept.get("waiting") or 0
        held = index.execute("SELECT count(*), total(size) FROM asked").fetchone()
        asked = index.execute("SELECT id, text, answers, number FROM questions WHERE answer='' ORDER BY id").fetchall()
        alarms = index.execute(
            "SELECT at, text FROM events WHERE kind='alarm' ORDER BY number DESC LIMIT 20"
        ).fetchall()
    except sqlite3.Error:
        return {}
    return {
        "pulled": bool(kept.get("pulled")), "saved": kept.get("saved"), "scanned": kept.get("scanned"),
        "unsaved": unsaved,
        "restored": kept.get("restored") or [],
        "busy": [readable(os.fsdecode(row[0])) for row in busy],
        "held": {"files": held[0], "bytes": int(held[1])},
        "questions": [
            {"id": row[0], "text": row[1], "answers": json.loads(row[2]), "number": row[3]} for row in asked
        ],
        "alarms": [f"{row[0]} {row[1]}" for row in reversed(alarms)],
    }  # fmt: skip


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document = parse(path.read_bytes())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _alive(pid: object) -> bool:
    return isinstance(pid, int) and os.path.exists(f"/proc/{pid}")  # noqa: PTH110 - one call, many times
