"""Who may write to the data space.

Nothing here pretends that FUSE or an object store has atomic operations. The first fence is the provider's: the old
machine is stopped before a new one starts. The lease is the second: its file's name holds its owner's generation, so
that a takeover (a rename) makes the old owner's next heartbeat fail. Two copies of one machine have the same name: they
know each other by the nonce inside, which every heartbeat changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from enum import Enum

from cloudify_scipion.agent.plan.names import generation_of
from cloudify_scipion.agent.plan.text import parse

VALID_SECONDS = 900.0
"""A writer whose heartbeat is older stops by itself; who takes over waits as long. Three pushes' time."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lease. `at` is when it was taken (UTC, ISO 8601), for people; `nonce` is of its last heartbeat."""

    project: str
    installation: str
    tenant: str
    deployment: str
    machine: str
    generation: int
    at: str = ""
    nonce: str = ""

    def owner(self) -> tuple[str, str, str, str]:
        """Whose lease it is: one answer for all machines of a deployment."""
        return self.project, self.installation, self.tenant, self.deployment

    def name(self) -> bytes:
        """The lease's file name; it tells the owner even where the content is lost."""
        return f"g{self.generation:08d}-{_digest(*self.owner())}-{_digest(self.machine)}".encode()

    def text(self) -> bytes:
        """The lease's content."""
        return json.dumps(asdict(self)).encode()

    def renewed(self, nonce: str) -> bytes:
        """The lease's content with another heartbeat; as long as before."""
        return replace(self, nonce=nonce).text()

    def __str__(self) -> str:
        return f"project '{self.project}' of deployment {self.deployment} (installation {self.installation})"


def holder_from(text: bytes, name: bytes, own: Holder) -> Holder:
    """Who holds the lease of that name and content; without content, `own` deployment's is known by the name."""
    try:
        document = parse(text)
        known = {field.name for field in fields(Holder)}
        holder = Holder(**{key: value for key, value in document.items() if key in known})
        if holder.name() == name:
            return holder
    except (ValueError, TypeError, AttributeError):
        pass
    generation = generation_of(name)
    if name.split(b"-")[1:2] == [_digest(*own.owner()).encode()]:
        machine = f"unknown {name.decode(errors='replace')}"
        return replace(own, machine=machine, generation=generation, nonce=nonce_in(text))
    return Holder("unknown", "unknown", "", "unknown", name.decode(errors="replace"), generation)


def _digest(*words: str) -> str:
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:10]


def nonce_in(text: bytes) -> str:
    """The heartbeat in a lease's content; empty where there is none, or the content is damaged."""
    try:
        nonce = parse(text).get("nonce", "")
    except (ValueError, AttributeError):
        return ""
    return nonce if isinstance(nonce, str) else ""


def is_strange(nonce: str, ours: Sequence[str]) -> bool:
    """Whether a lease of our name shows another's heartbeat. An earlier version of this software wrote no nonces."""
    return bool(nonce and ours) and nonce not in ours


class Verdict(Enum):
    """What to do about the leases that are there."""

    TAKE = "nobody holds it"
    OURS = "we hold it"
    TAKE_OVER = "an earlier machine of ours holds it"
    REFUSE = "somebody else holds it"


def judge(own: Holder, held: Sequence[Holder]) -> Verdict:
    """What `held` leases mean for `own`, whatever their ages."""
    if any(holder.owner() != own.owner() for holder in held):
        return Verdict.REFUSE
    if not held:
        return Verdict.TAKE
    return Verdict.OURS if [holder.name() for holder in held] == [own.name()] else Verdict.TAKE_OVER


def next_generation(own: int, held: Sequence[Holder]) -> int:
    """A generation above all that wrote there, even where our own count was lost."""
    return max([own, *(holder.generation + 1 for holder in held)])


def holder_of(config: Mapping[str, object], generation: int, at: str) -> Holder:
    """The holder that a configuration describes."""
    owner = config["owner"]
    assert isinstance(owner, Mapping)
    return Holder(
        str(config["project"]), owner["installation"], owner["tenant"], owner["deployment"], str(config["machine"]),
        generation, at,
    )  # fmt: skip
