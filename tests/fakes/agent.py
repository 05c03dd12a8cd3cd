"""A fake agent and data space: what is pulled, pushed, verified and sealed stays, and breaks as the real does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

CONFIG = "/etc/scipion-data/config.json"
PULLED, INDEX, SAVED, RESULT = "pulled", "index", "saved", "results/"


@dataclass
class Space:
    """A project's folder of a data space. One that `drops` acknowledges what is written and forgets it."""

    files: dict[str, bytes] = field(default_factory=dict)
    trash: dict[str, list[bytes]] = field(default_factory=dict)
    lease: dict[str, Any] | None = None
    seal: dict[str, Any] | None = None
    drops: bool = False
    away: str = ""
    """What is wrong with its mount."""

    def put(self, name: str, content: bytes) -> None:
        if not self.drops:
            if name in self.files:
                self.trash.setdefault(name, []).append(self.files[name])
            self.files[name] = content


@dataclass
class Ways:
    """How agents behave: seconds that a work takes, works that fail (code, message), files that cannot be saved."""

    seconds: float = 3.0
    failing: dict[str, tuple[int, str]] = field(default_factory=dict)
    unsavable: set[str] = field(default_factory=set)
    alarms: list[str] = field(default_factory=list)
    questions: list[dict[str, Any]] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)
    """Works that die without a result."""


class Failed(Exception):
    """A work's exit code, and what it says."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class FakeAgent:
    """The agent of one machine. `files` and `state` are the volume's; `read_only` is the user's mount."""

    config: dict[str, Any]
    mark: dict[str, object]
    files: dict[str, bytes]
    state: dict[str, bytes]
    space: Space
    ways: Ways
    read_only: bool
    now: str
    lost: str = ""

    def run(self, work: str) -> int:
        """Do a work and leave its result; returns its exit code."""
        if work in self.ways.silent:
            return 9
        works: dict[str, Callable[[], dict[str, Any]]] = {
            "pull": self._pull, "push": self._push, "scan": self._scan, "verify": self._verify, "seal": self._seal,
        }  # fmt: skip
        code, message, facts = 0, "", {}
        try:
            if work in self.ways.failing:
                raise Failed(*self.ways.failing[work])
            self._guard()
            facts = works[work]()
        except Failed as error:
            code, message = error.code, str(error)
        if code == 0 and work == "push":
            self.state[SAVED] = self.now.encode()
        told = {
            "work": work, "ok": code == 0, "code": code, "at": self.now, "message": message,
            "next": "the operator looks at it" if code else "", "facts": facts, "seconds": self.ways.seconds,
            "run": self._next_run(),
        }  # fmt: skip
        self.state[f"{RESULT}{work}.json"] = json.dumps(told).encode()
        return code

    def _next_run(self) -> str:
        self.state["runs"] = str(int(self.state.get("runs", b"0")) + 1).encode()
        return self.state["runs"].decode()

    def status(self, work: str = "") -> dict[str, Any]:
        last = {name.removeprefix(RESULT).removesuffix(".json"): json.loads(text) for name, text in self._results()}
        index = self._index()
        unsaved = sum(index.get(name) != _digest(content) for name, content in self.files.items())
        return {
            "work": work, "phase": "copying" if work else "", "files_done": 1, "files_total": 2, "bytes_done": 10**9,
            "bytes_total": 2 * 10**9, "rate": 5e7, "seconds_left": 60, "pulled": PULLED in self.state,
            "unsaved": unsaved + len(index.keys() - self.files.keys()), "last": last, "doubt": self._doubt(last),
            "saved": self.state[SAVED].decode() if SAVED in self.state else None, "scanned": None,
            "held": {"files": 0, "bytes": 0}, "restored": [], "busy": [],
            "questions": self.ways.questions, "alarms": self.ways.alarms,
            "seal": json.loads(self.state["seal.json"]) if "seal.json" in self.state else None,
        }  # fmt: skip

    def _doubt(self, last: dict[str, dict[str, Any]]) -> str:
        failed = [work for work in ("push", "verify", "seal") if work in last and not last[work]["ok"]]
        reasons = [] if PULLED in self.state else ["the first pull is not complete"]
        return "; ".join(reasons + [f"the last {' and '.join(failed)} did not succeed"] * bool(failed))

    def problem(self) -> str:
        return self.space.away or self.lost

    def _results(self) -> list[tuple[str, bytes]]:
        return [(name, text) for name, text in self.state.items() if name.startswith(RESULT)]

    def _index(self) -> dict[str, str]:
        index: dict[str, str] = json.loads(self.state.get(INDEX, b"{}"))
        return index

    def _guard(self) -> None:
        told = {"version": 1, "volume": self.config["volume"], "project": self.config["project"]}
        if self.mark != told:
            raise Failed(4, "this is not the project's volume")
        if self.problem():
            raise Failed(4, self.problem())

    def _lease(self, take: bool = False) -> None:
        mine = {"owner": self.config["owner"], "generation": self.config["generation"]}
        held = self.space.lease
        if held and held["owner"] != mine["owner"]:
            raise Failed(3, f"the folder belongs to {held['owner']['deployment']}")
        if held and held["generation"] > mine["generation"] and not (take and self.config["fenced"]):
            raise Failed(3, "a newer machine of this project has taken over")
        if not take and held != mine:
            raise Failed(3, "nobody has taken the lease")
        self.space.lease = mine

    def _pull(self) -> dict[str, Any]:
        self._lease(take=True)
        if PULLED not in self.state:
            for name, content in self.space.files.items():
                self.files.setdefault(name, content)
            self._note({name: _digest(content) for name, content in self.space.files.items()})
            self.state[PULLED] = b"1"
            return _pulled(self.space.files)
        return self._scan()

    def _scan(self) -> dict[str, Any]:
        self._pulled()
        index = self._index()
        new = {name: self.space.files[name] for name in self.space.files.keys() - index.keys() - self.files.keys()}
        self.files.update(new)
        self._note(index | {name: _digest(content) for name, content in new.items()})
        return _pulled(new)

    def _push(self) -> dict[str, Any]:
        self._pulled()
        self._lease()
        index, deleted, sent, conflicts = self._index(), 0, list[bytes](), 0
        for name in [name for name in index if name not in self.files]:
            deleted += 1
            if name in self.space.files:
                self.space.trash.setdefault(name, []).append(self.space.files.pop(name))
            del index[name]
        failed = sorted(self.ways.unsavable & self.files.keys())
        for name, content in self.files.items():
            if name not in failed and index.get(name) != _digest(content):
                there = self.space.files.get(name)
                if there is not None and _digest(there) != index.get(name) and there != content:
                    self.space.put(f"{name}.conflict", there)
                    conflicts += 1
                self.space.put(name, content)
                sent.append(content)
                index[name] = _digest(content)
        self._note(index)
        if failed:
            raise Failed(6, f"could not be saved: {', '.join(failed)}")
        return {
            "files": len(sent), "bytes": sum(map(len, sent)), "deleted": deleted, "moved": 0, "busy": 0, "held": 0,
            "conflicts": conflicts, "special": [],
        }  # fmt: skip

    def _verify(self) -> dict[str, Any]:
        self._pulled()
        index = self._index()
        bad = [name for name, digest in index.items() if _digest(self.space.files.get(name, b"")) != digest]
        if bad:
            self._note({name: digest for name, digest in index.items() if name not in bad})
            raise Failed(6, f"not in the data space as they were written: {', '.join(bad)}")
        return {"files": len(index), "bytes": sum(len(self.space.files[name]) for name in index)}

    def _seal(self) -> dict[str, Any]:
        if not self.read_only:
            raise Failed(4, "the working copy is still writable")
        self._scan()
        for left in (2, 1, 0):
            self._push()
            try:
                self._verify()
                break
            except Failed:
                if not left:
                    raise
        missing = [name for name, content in self.files.items() if self.space.files.get(name) != content]
        if missing:
            raise Failed(6, f"missing: {', '.join(missing)}")
        manifest = sha256(json.dumps({name: _digest(c) for name, c in sorted(self.files.items())}).encode()).hexdigest()
        seal = {
            "version": 1, "project": self.config["project"], "volume": self.config["volume"],
            "generation": self.config["generation"], "manifest": manifest, "files": len(self.files),
            "bytes": sum(map(len, self.files.values())), "at": self.now, "special": 0,
            "algorithm": "sha256", "restore": {},
        }  # fmt: skip
        self.state["seal.json"] = json.dumps(seal).encode()
        self.space.seal, self.space.lease = seal, None
        return seal

    def _pulled(self) -> None:
        if PULLED not in self.state:
            raise Failed(1, "the first copy is not complete")

    def _note(self, index: dict[str, str]) -> None:
        self.state[INDEX] = json.dumps(index).encode()


def _pulled(files: dict[str, bytes]) -> dict[str, Any]:
    return {"files": len(files), "bytes": sum(map(len, files.values())), "conflicts": 0, "lost": 0}


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()
