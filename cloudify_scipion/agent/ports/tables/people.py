"""What people are told and asked."""

from __future__ import annotations

import json
from typing import Any

from cloudify_scipion.agent.plan.names import readable
from cloudify_scipion.agent.ports.tables.store import Store


class People(Store):
    """Events, alarms, questions and their answers."""

    def event(self, at: str, kind: str, text: str) -> None:
        """Remember something worth telling; `kind` is event or alarm."""
        self.begin()
        self._db.execute("INSERT INTO events(at, kind, text) VALUES (?, ?, ?)", (at, kind, text))
        self._db.execute("DELETE FROM events WHERE number <= (SELECT max(number) - 10000 FROM events)")

    def events(self, limit: int = 1000, kind: str = "") -> list[tuple[str, str, str]]:
        """The latest events (at, kind, text), oldest first."""
        where = "WHERE kind=?" if kind else ""
        query = f"SELECT at, kind, text FROM events {where} ORDER BY number DESC LIMIT ?"
        return list(reversed(self._db.execute(query, (kind, limit) if kind else (limit,)).fetchall()))

    def ask(self, name: str, text: str, answers: list[str]) -> str:
        """Ask a person; returns the answer, empty while there is none."""
        self.begin()
        self._db.execute(
            "INSERT INTO questions VALUES (?,?,?,'') ON CONFLICT(id) DO UPDATE SET text=excluded.text",
            (name, readable(text), json.dumps(answers)),
        )
        return str(self._db.execute("SELECT answer FROM questions WHERE id=?", (name,)).fetchone()[0])

    def answer(self, name: str, word: str) -> bool:
        """Take a person's answer; False if nobody asked, or that is none of the answers."""
        row = self._db.execute("SELECT answers FROM questions WHERE id=?", (name,)).fetchone()
        if row is None or word not in json.loads(row[0]):
            return False
        self.begin()
        self._db.execute("UPDATE questions SET answer=? WHERE id=?", (word, name))
        return True

    def answer_to(self, name: str) -> str:
        """The answer to a question, empty if there is none."""
        row = self._db.execute("SELECT answer FROM questions WHERE id=?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def settled(self, name: str) -> None:
        """A question is answered and done, or has become pointless."""
        self.begin()
        self._db.execute("DELETE FROM questions WHERE id=?", (name,))

    def questions(self) -> list[dict[str, Any]]:
        """What waits for an answer."""
        rows = self._db.execute("SELECT id, text, answers FROM questions WHERE answer='' ORDER BY id")
        return [{"id": row[0], "text": row[1], "answers": json.loads(row[2])} for row in rows]
