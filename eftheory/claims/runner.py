"""Runs claims: what is left of their instances goes to the workers, and every answer is kept at once.

The report does not depend on the number of workers: claims stand in the order of their discovery, instances in the
order of their keys.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from eftheory import __version__
from eftheory.claims import certificate as certification
from eftheory.claims.discovery import Discovery, digest
from eftheory.claims.files import write_whole
from eftheory.claims.journal import Journal, identify
from eftheory.claims.model import Claim, one_line
from eftheory.claims.outcome import Outcome
from eftheory.claims.pool import Task, decide_all
from eftheory.claims.summary import ClaimReport, Report, summarise, summarise_broken
from eftheory.errors import MisuseError


@dataclass(frozen=True)
class Event:
    """How far a run is: instances done and in all, and the claim that was just finished, if one was."""

    done: int
    total: int
    finished: ClaimReport | None = None


Progress = Callable[[Event], None]


@dataclass
class _Job:
    """A claim while it runs: outcomes arrive in any order, the report puts them in the order of the keys."""

    claim: Claim
    source: str = ""
    keys: tuple[str, ...] = ()
    reason: str = ""
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    certificates: int = 0
    report: ClaimReport | None = None

    @property
    def complete(self) -> bool:
        return len(self.outcomes) == len(self.keys)

    def ordered(self) -> list[Outcome]:
        return [self.outcomes[key] for key in self.keys if key in self.outcomes]


def run(
    claims: Discovery,
    *,
    quick: bool = False,
    jobs: int | None = None,
    certificates: Path | str | None = None,
    journal: Path | str | None = None,
    report: Path | str | None = None,
    fresh: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Decide every instance of `claims` in `jobs` processes (default: one for each usable core).

    report: JSON, rewritten whole after each claim. journal: finished instances, which the same call does not repeat;
    `fresh` forgets them. certificates: the folder for them. progress: told after each instance and each claim.
    What a claim does wrong is in the report; raises MisuseError for arguments that cannot be used, and lets an
    interrupt through once the workers are stopped and everything finished is kept.
    """
    jobs = usable_cores() if jobs is None else jobs
    if jobs < 1:
        raise MisuseError(wanted="at least one job", got=str(jobs), do="leave it out to use every core")
    certificates, journal, report = (None if path is None else Path(path) for path in (certificates, journal, report))
    return _Run(claims, quick, certificates, report, progress or (lambda event: None)).go(jobs, journal, fresh)


def usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Run:
    def __init__(
        self, claims: Discovery, quick: bool, certificates: Path | None, report: Path | None, progress: Progress
    ) -> None:
        self.start = perf_counter()
        self.quick, self.certificates, self.report, self.progress = quick, certificates, report, progress
        self.broken = [summarise_broken(each) for each in claims.broken]
        sources = {each.file: digest(each.root, each.file) for each in claims.claims}
        self.jobs = [_planned(each, quick, sources[each.file]) for each in claims.claims]
        self.of = {job.claim.id: job for job in self.jobs}
        self.total = sum(len(job.keys) for job in self.jobs)
        self.done = self.resumed = 0

    def go(self, jobs: int, path: Path | None, fresh: bool) -> Report:
        with ExitStack() as stack:
            journal = None if path is None else stack.enter_context(Journal(path, fresh=fresh))
            for each in self.broken:
                self.progress(Event(self.done, self.total, each))
            for job in self.jobs:
                self._resume(job, journal)
            try:
                for outcome in stack.enter_context(closing(decide_all(self._tasks(), jobs))):
                    job = self.of[outcome.claim]
                    if journal is not None:
                        journal.add(identify(job.claim, job.source, outcome.key), outcome)
                    self._take(job, outcome)
            finally:
                result = self._result()
                self._write(result)
        return result

    def _resume(self, job: _Job, journal: Journal | None) -> None:
        for key in job.keys:
            known = None if journal is None else journal.outcomes.get(identify(job.claim, job.source, key))
            if known is not None:
                self.resumed += 1
                self._take(job, known)
        if job.complete and job.report is None:  # it has no keys
            self._finish(job)

    def _tasks(self) -> list[Task]:
        return [
            Task(job.claim.root, job.claim.file, job.claim.id, key)
            for job in self.jobs
            for key in job.keys
            if key not in job.outcomes
        ]

    def _take(self, job: _Job, outcome: Outcome) -> None:
        job.outcomes[outcome.key] = outcome
        self.done += 1
        if self.certificates is not None and job.claim.kind == "claim":
            job.certificates += certification.write(self.certificates, job.claim, outcome)
        if job.complete:
            self._finish(job)
        else:
            self.progress(Event(self.done, self.total))

    def _finish(self, job: _Job) -> None:
        if self.certificates is not None and job.claim.kind == "control":
            for outcome in job.ordered():
                if job.certificates < certification.PER_CONTROL:
                    job.certificates += certification.write(self.certificates, job.claim, outcome)
        job.report = summarise(job.claim, job.ordered(), job.reason, job.certificates)
        self._write(self._result())
        self.progress(Event(self.done, self.total, job.report))

    def _result(self) -> Report:
        finished = [job.report for job in self.jobs if job.report is not None]
        return Report(
            version=__version__,
            quick=self.quick,
            claims=(*finished, *self.broken),
            complete=len(finished) == len(self.jobs),
            resumed=self.resumed,
            seconds=perf_counter() - self.start,
        )

    def _write(self, result: Report) -> None:
        if self.report is not None:
            write_whole(self.report, json.dumps(result.as_dict(), indent=1, allow_nan=False) + "\n")


def _planned(claim: Claim, quick: bool, source: str) -> _Job:
    """The claim with its keys; where they cannot be had, with the reason."""
    try:
        with redirect_stdout(sys.stderr):
            keys = tuple(claim.instances.keys(quick))
        if not all(isinstance(key, str) for key in keys) or len(set(keys)) < len(keys):
            raise MisuseError(wanted="distinct strings", got=repr(keys), do="name every instance once")
    except (Exception, SystemExit) as error:
        return _Job(claim, reason=f"keys: {one_line(error)}")
    return _Job(claim, source, keys)
