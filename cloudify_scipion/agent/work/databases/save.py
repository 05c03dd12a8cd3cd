"""Saving databases: as of one moment, with what SQLite keeps beside them in them, or else beside them there as well."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

from cloudify_scipion.agent.plan.abilities import Abilities
from cloudify_scipion.agent.plan.names import base_of, odd_path
from cloudify_scipion.agent.ports.databases.beside import HEADER, belongs_open, has_change_beside, is_new, is_regular
from cloudify_scipion.agent.ports.databases.copying import Limits
from cloudify_scipion.agent.ports.databases.locking import LeftBehind, Locked, Unreadable
from cloudify_scipion.agent.ports.databases.pool import POOL, NoScratch
from cloudify_scipion.agent.ports.in_use import nobody_else_has_it
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.content import digest_at
from cloudify_scipion.agent.work.push.send import (
    Busy,
    Copied,
    Upload,
    as_before,
    must_be_unchanged,
    must_not_be_destroyed,
    must_not_wait,
    row_of,
    send,
    sent,
    upload_content,
)
from cloudify_scipion.agent.work.scratch import copied
from cloudify_scipion.agent.work.space.names_there import place_of
from cloudify_scipion.agent.work.world import World

_CHANGING = "?"
"""In place of the digest of a file that changed meanwhile: equal to none."""


class NotOfOneMoment(OSError):
    """No copy could be made that is whole for certain: the saved version stays."""


def upload(world: World, able: Abilities, job: Upload) -> Copied | None:
    """Send a file's content to an unfinished file, unless the data space has it already.

    None for what is gone by now; and for what SQLite keeps beside a database, though the folder's look saw something
    else there: saved as somebody's own file, it would be replayed into the saved copy of the database.
    Raises Busy, NotOfOneMoment, Destroyed, or whatever the file systems say.
    """
    try:
        fd, before = world.tree.open_with_facts(job.path)
    except FileNotFoundError:
        return None  # what may have its name in a moment is a new file
    try:
        near_file = is_regular(world.tree, base_of(job.path))
        if near_file and belongs_open(world.tree, base_of(job.path), job.path, fd):
            return None
        row = row_of(before, world.learnt.flushed, job, world.session.generation)
        if os.pread(fd, len(HEADER), 0) == HEADER:
            return replace(_Database(world, able, job, fd, before, row).database(), database=True)
        if job.group or ((row.racy or not row.size) and has_change_beside(world.tree, job.path)):
            return replace(_Database(world, able, job, fd, before, row).without_header(), database=True)
        return upload_content(world, able, job, fd, before, row, strict=near_file)
    finally:
        os.close(fd)


class _Database:
    """One database, open as `fd`."""

    def __init__(self, world: World, able: Abilities, job: Upload, fd: int, before: os.stat_result, row: Row) -> None:
        self.world, self.able, self.job, self.fd, self.before, self.row = world, able, job, fd, before, row
        self.held = job.known if job.known is not None and job.known.held() else None
        self.quiet = not has_change_beside(world.tree, job.path)
        self.local = digest_at(fd)
        self.linked = job.final and before.st_nlink > 1
        """Whether it is one file with others, beside which not the same lies: it stays that only as it is."""

    def database(self) -> Copied:
        """As of one moment: by SQLite, or recovered if its writer seems to have died; raw if SQLite cannot read it."""
        saved = self.held and self.local == (self.held.local or self.held.hash)
        if self.held and self.quiet and saved and not (self.linked and self.local != self.held.hash):
            must_be_unchanged(self.fd, self.before, self.job)
            return Copied(self.job.path, as_before(self.row, self.held))
        with copied(self.world) as copy:
            if self.linked:
                return self._raw(copy)
            try:
                point = self._copy(copy)
            except Unreadable:
                return self._raw(copy)
            except NoScratch as error:
                return self._without_scratch(error)
            try:
                return self._send_copy(copy, point)
            except NoScratch as error:
                return self._without_scratch(error)

    def without_header(self) -> Copied:
        """A database that is too new to have one, or encrypted; or an ordinary file that only has such neighbours."""
        must_not_be_destroyed(self.job, self.fd)
        if is_new(self.world.tree, self.job.path) and not self._is_given_up():
            raise Busy(errno.ETXTBSY, "its first transaction goes on", os.fsdecode(self.job.path))
        if self.quiet:
            return upload_content(self.world, self.able, self.job, self.fd, self.before, self.row)
        with copied(self.world) as copy:
            return self._raw(copy)

    def _is_given_up(self) -> bool:
        """Whether the writer of a new database is dead: then it is saved with its journal, as it is."""
        if self.job.final:
            return True
        if not self.job.force:
            return False
        with nobody_else_has_it(self.fd) as alone:
            return alone

    def _copy(self, copy: Path) -> int:
        """Write a copy of one moment; returns 1 for one as it was before a change that was not finished."""
        job, patience = self.job, self.world.patience
        try:
            with patience.spending(Locked):
                POOL.copy(self.world.tree, job.path, self.fd, copy, Limits(wait=patience.share(job.tried)))
            return 0
        except (Locked, LeftBehind) as error:
            if not job.force and not (job.beside and isinstance(error, LeftBehind)):  # saved with what it has left
                raise Busy(errno.ETXTBSY, str(error), os.fsdecode(job.path)) from error
        try:
            POOL.recover(self.world.tree, job.path, self.fd, copy)
        except Locked as error:
            raise self._unproven(error) from error
        return 1

    def _send_copy(self, copy: Path, point: int) -> Copied:
        unchanged = _same(os.fstat(self.fd), self.before)
        row = replace(self.row, local=self.local if unchanged else _CHANGING, point=point)
        source, digest = _open_copy(copy)
        try:
            if self.held and digest == self.held.hash:  # its journal is there all the time, and holds nothing new
                return Copied(self.job.path, replace(as_before(row, self.held), local=row.local))
            must_not_wait(self.job)
            os.lseek(source, 0, os.SEEK_SET)
            temporary, digest, rest = send(self.world, self.able, source, row, None, self.job.target)
        finally:
            os.close(source)
        return Copied(self.job.path, sent(row, digest, rest), temporary, row.size)

    def _raw(self, copy: Path) -> Copied:
        """As it is, with all that lies beside it, if none of that changes meanwhile: SQLite makes no one file of it."""
        if self.quiet:
            return self._as_it_is()
        try:
            ends = POOL.group(self.world.tree, self.job.path, self.fd, copy)
        except (Locked, NoScratch) as error:
            raise self._unproven(error) from error
        return self._send_group(copy, ends)

    def _send_group(self, copy: Path, ends: list[bytes]) -> Copied:
        job = self.job
        main = self._send_one(job, self.row, self.held, copy)
        beside = []
        try:
            for end in ends:
                known, facts = job.beside.get(end), self.world.tree.stat(job.path + end)
                if facts is not None:
                    path = job.path + end
                    stored = odd_path(path) if job.stored else place_of(path, self.able)
                    one = replace(job, path=path, known=known, stored=stored)
                    row = row_of(facts, self.world.learnt.flushed, one, self.world.session.generation)
                    held = known if known is not None and known.held() else None
                    beside.append(self._send_one(one, row, held, Path(f"{copy}{end.decode()}")))
        except BaseException:
            for made in (main, *beside):
                if made.temporary:
                    self.world.space.unlink(made.temporary)
            raise
        return replace(main, beside=beside)

    def _send_one(self, job: Upload, row: Row, held: Row | None, copy: Path) -> Copied:
        source, digest = _open_copy(copy)
        try:
            if held and digest == held.hash:
                return Copied(job.path, replace(as_before(row, held), local=digest))
            must_not_wait(job)
            os.lseek(source, 0, os.SEEK_SET)
            temporary, digest, rest = send(self.world, self.able, source, row, None)
        finally:
            os.close(source)
        return Copied(job.path, replace(sent(row, digest, rest), local=digest), temporary, row.size)

    def _without_scratch(self, error: NoScratch) -> Copied:
        """No copy can be written: one that nobody has open is sent as it is, if it stays as it is."""
        if not (self.quiet or self.job.final):
            raise self._unproven(error) from error
        return self._as_it_is()

    def _as_it_is(self) -> Copied:
        """The file alone. Unless nobody writes any more, never while it changes."""
        strict, job = not self.job.final, self.job
        if self.linked and self.held:  # what was saved may be a copy of other bytes
            job = replace(job, known=replace(self.held, local=""))
        made = upload_content(self.world, self.able, job, self.fd, self.before, self.row, strict)
        known = self.held is not None and self.local == self.held.local
        return replace(made, row=replace(made.row, local=made.row.hash), unseen=made.unseen and not known)

    def _unproven(self, error: Exception) -> OSError:
        """Try again; one that was tried often enough is told."""
        kind, text = (NotOfOneMoment, "no copy of one moment can be made") if self.job.force else (Busy, "not now")
        return kind(errno.ETXTBSY, f"{text}: {error}", os.fsdecode(self.job.path))


def _open_copy(copy: Path) -> tuple[int, str]:
    """A descriptor of a copy, and the digest of its content. Raises NoScratch."""
    try:
        source = os.open(copy, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return source, digest_at(source)
        except BaseException:
            os.close(source)
            raise
    except OSError as error:
        raise NoScratch(error.errno, f"{error.strerror}, in {copy.parent}") from error


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_size, one.st_mtime_ns, one.st_ctime_ns) == (other.st_size, other.st_mtime_ns, other.st_ctime_ns)
