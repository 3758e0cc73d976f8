"""The other samples of a table that have findings, and what they mean for a conclusion.

A limit of a fixed size holds for a sample that was chosen beforehand. A sample that continues an
examined one has its findings, and is evaluated after each look at them, or not at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import cached_property
from typing import Any

from application.audit.evaluation.answer import Evaluated, NewestSignOff, OtherSample, Relation
from application.audit.evaluation.parameters import kinds_of_rates
from application.audit.evaluation.request import KIND_LOC, ExaminedSample
from application.audit.items import needs_audit_values
from application.audit.sentences import continues_of
from application.audit.state import AuditState, drawn_row_ids
from application.estimation.weighting import frame_condition
from contract.requests.evaluate import EvaluationKind
from domain_errors import DomainError, Sentence
from estimation_engine.audit import Conclusion
from estimation_engine.audit.conclusion import scoped
from estimation_engine.errors import InvalidFindings
from lazy_dataclasses import dataclass
from parquet_tables.rows import Statement, scan_statement
from sampling_engine import method_class
from service.sampling_parameters import recorded_rounds
from service.service import Service
from service.tables.drawn_rows import ExaminedBefore, examined_beside
from service.tables.open_tables import open_source, source_of, version_of
from storage.audit.findings import Finding, Review, review_of
from storage.jobs.jobs import JobRecord
from storage.versions.refs import has_sample_ref

MAX_OTHERS = 20
"""Other samples that an evaluation lists, the newest."""
MAX_NAMED = 3
"""Other samples that a sentence names."""
CONTINUES = (
    "This sample continues sample {name}, whose rows were examined before: the decision allows for "
    "each look at them."
)
NOT_SEQUENTIAL = (
    "The sample continues sample {name}, whose rows were examined before. An evaluation by {kind} "
    "takes no account of that look. Evaluate it as `sequential`, which is valid after any number "
    "of rows."
)
ENLARGED = (
    "This sample continues sample {name}, whose rows were examined before, and no limit "
    "for {design} takes account of that look."
)
NO_CONCLUSION = "No conclusion at {confidence} confidence. {reason}"


@dataclass(frozen=True)
class Continuation:
    """The examined sample that a sample continues.

    ``in_order`` says whether one of both is the first rows of the other, so that a sequential
    evaluation allows for both looks.
    """

    name: str
    in_order: bool


@dataclass(frozen=True)
class OtherSamples:
    """The other samples of a table that have findings, newest draw first.

    ``together`` are jobs whose samples are evaluated with this one, as parts of one conclusion.
    """

    service: Service
    job: JobRecord
    found: Sequence[ExaminedBefore]
    drawn: int
    findings: Mapping[str, Finding]
    together: Collection[str] = ()

    @property
    def continuation(self) -> Continuation | None:
        """The sample that this one continues: as recorded at its draw, or by its rows."""
        kept = continues_of(self.job.output_summary)
        if kept is not None and not kept["is_repeat"]:
            return Continuation(kept["name"], kept["in_order"])
        before = next((each for each in self.found if self._is_continued(each)), None)
        if before is None:
            return None
        return Continuation(before.name, before.in_order)

    def _is_continued(self, other: ExaminedBefore) -> bool:
        """Whether this sample has the rows of another one that was examined by itself."""
        is_smaller = other.is_nested and 0 < other.drawn < self.drawn
        return is_smaller and not other.own.isdisjoint(other.shared)

    def relation(self, other: ExaminedBefore) -> Relation:
        """The name of what another sample is to this one."""
        kept = continues_of(self.job.output_summary)
        if (kept is not None and kept["job_id"] == other.job.id) or self._is_continued(other):
            return "continued"
        theirs = continues_of(other.job.output_summary)
        return "continues" if theirs and theirs["job_id"] == self.job.id else "other"

    def differing(self, other: ExaminedBefore) -> int:
        """The shared rows of which this sample has no finding, or another one."""
        here = self.findings
        return sum(
            row not in here or _content(here[row]) != _content(other.findings[row])
            for row in other.shared
        )

    def _contradicted(self, other: ExaminedBefore) -> int:
        """The shared rows of which both samples have findings that differ."""
        here = self.findings
        return sum(
            row in here and _content(here[row]) != _content(other.findings[row])
            for row in other.shared
        )

    def caveats(self, kind: EvaluationKind) -> list[str]:
        """Rows with other findings in a continued sample; other samples that were examined."""
        caveats: list[str] = [
            Sentence(
                "{rows} {rows|row|rows} of sample {name}, which this one continues, "
                "{rows|has|have} a finding there that this sample lacks or contradicts.",
                rows=differing,
                name=each.name,
            )
            for each in self.found
            if self.relation(each) == "continued" and (differing := self.differing(each))
        ]
        caveats += [
            Sentence(
                "{rows} {rows|row has|rows have} another finding in sample {name}.",
                rows=rows,
                name=each.name,
            )
            for each in self.found
            if self.relation(each) != "continued" and (rows := self._contradicted(each))
        ]
        beside = self._beside(is_of_rate=kind.name in kinds_of_rates(self.job))
        return caveats if beside is None else [*caveats, beside]

    def _beside(self, *, is_of_rate: bool) -> str | None:
        """That other samples were examined for the same, of which this one may be the best."""
        beside = [
            each
            for each in self.found
            if each.own
            and each.job.id not in self.together
            and self.relation(each) != "continued"
            and self._may_answer(each, is_of_rate=is_of_rate)
        ]
        apart = _apart(self.service, self.job, [each for each in beside if not each.shared])
        beside = [each for each in beside if each.job.id not in apart]
        if not beside:
            return None
        names = ", ".join(each.name for each in beside[:MAX_NAMED])
        more = ", …" if len(beside) > MAX_NAMED else ""
        elsewhere = sum(not each.has_same_rows for each in beside)
        versions = ", {elsewhere} of other versions of it" if elsewhere else ""
        return Sentence(
            "{samples} {samples|other sample|other samples} of this table {samples|was|were} "
            f"examined, too ({{names}}{versions}). A conclusion holds for a sample that was chosen "
            "beforehand, not for the best of several.",
            samples=len(beside),
            names=names + more,
            elsewhere=elsewhere,
        )

    def _may_answer(self, other: ExaminedBefore, *, is_of_rate: bool) -> bool:
        """Whether another sample can be evaluated for a share of rows, or else for amounts.

        A sample in doubt can be.
        """
        with self.service.database.read() as tx:
            signed = review_of(tx, other.job.id).sign_off
        if signed is not None and (kind := signed.evaluation.get("kind")):
            return (kind in kinds_of_rates(other.job)) == is_of_rate
        if is_of_rate:
            rounds = other.job.run_parameters["rounds"]
            return all(method_class(each["method"]).equal_chances for each in rounds)
        if any(each.audit_value is not None for each in other.findings.values()):
            return True
        with suppress(DomainError):  # its table was pruned
            return needs_audit_values(self.service, other.job)
        return True

    def as_json(self) -> dict[str, Any]:
        """The newest of them with their results, and the number of all."""
        newest = [asdict(each) for each in self.newest]
        return {"other_samples": newest, "other_samples_total": len(self.found)}

    @cached_property
    def newest(self) -> Sequence[OtherSample]:
        """The newest of them with their results."""
        return [self._answer(each) for each in self.found[:MAX_OTHERS]]

    def _answer(self, other: ExaminedBefore) -> OtherSample:
        outcomes = Counter(each.outcome for each in other.findings.values())
        job = other.job
        with self.service.database.read() as tx:
            review = review_of(tx, job.id)
            is_deleted = not has_sample_ref(tx, job.dataset_id, job.output_commit_id)
        return OtherSample(
            job_id=job.id,
            name=other.name,
            is_deleted=is_deleted,
            relation=self.relation(other),
            version=None if job.source_commit_id is None else version_of(job),
            has_same_rows=other.has_same_rows,
            drawn=other.drawn or None,
            examined=len(other.findings) - outcomes["not_applicable"],
            exceptions=outcomes["exception"] + outcomes["not_examinable"],
            shared=len(other.shared),
            differing=self.differing(other),
            user_soeid=job.user_soeid,
            created_at=job.created_at,
            review_state=review.state,
            signed=_newest_sign_off(review),
            left_out_rows=job.run_parameters.get("excluded", {}).get("rows", 0),
        )


def _apart(service: Service, job: JobRecord, others: Sequence[ExaminedBefore]) -> set[str]:
    """The jobs of samples that can have no row that a job can draw, as by filters.

    Of a sample of other data files it isn't known, so it isn't among them.
    """
    if not any(each.has_same_rows for each in others):
        return set()
    table = open_source(service, job).files
    own = frame_condition(recorded_rounds(job.run_parameters, table), table)
    conditions: dict[str, Statement] = {}
    for each in others if own is not None else ():
        with suppress(DomainError):  # its column isn't in this version
            if each.has_same_rows:
                rounds = recorded_rounds(each.job.run_parameters, table)
                if (condition := frame_condition(rounds, table)) is not None:
                    conditions[each.job.id] = condition
    if own is None or not conditions:
        return set()
    cells = [
        f"coalesce(({own[0]}) AND ({condition}), false) AS both_{at}"
        for at, (condition, _) in enumerate(conditions.values())
    ]
    params = [value for _, of_other in conditions.values() for value in (*own[1], *of_other)]
    scan, scanned = scan_statement(table, cells, params)
    any_row = ", ".join(f"coalesce(bool_or(t.both_{at}), false)" for at in range(len(cells)))
    with service.parquet.cursor(table) as cursor:
        found = cursor.execute(f"SELECT {any_row} FROM ({scan}) AS t", scanned).fetchall()
    return {job_id for job_id, has_row in zip(conditions, found[0], strict=True) if not has_row}


def _newest_sign_off(review: Review) -> NewestSignOff | None:
    signed = [each for each in review.entries if each.action == "signed_off"]
    if not signed:
        return None
    kept = signed[-1].evaluation
    return NewestSignOff(
        signed[-1].user_soeid,
        signed[-1].at,
        kept.get("kind"),
        kept.get("is_tolerable"),
        kept.get("conclusion"),
    )


def other_samples(
    service: Service, job: JobRecord, state: AuditState, together: Collection[str] = ()
) -> OtherSamples:
    """Read the other samples of a sample's table that have findings, not answers alone."""
    drawn = list(drawn_row_ids(service, job))
    beside = examined_beside(service, job, source_of(job), drawn)
    found = [other for other in beside if any(each.outcome for each in other.findings.values())]
    return OtherSamples(service, job, found, len(drawn), state.findings, together)


def _content(finding: Finding) -> tuple[str | None, str | None, tuple[str, ...]]:
    return finding.outcome, finding.audit_value, finding.deviations


def require_allowed(sample: ExaminedSample, others: OtherSamples, kind: EvaluationKind) -> None:
    """Refuse an evaluation that takes no account of an earlier look at the sample's rows.

    Raises
    ------
    InvalidFindings
        The sample continues an examined one, and isn't evaluated as sequential; or it is, but its
        order isn't that of the examined one.
    """
    before = others.continuation
    if before is None:
        return
    if sample.has_sequence and before.in_order and not kind.allows_looks:
        raise InvalidFindings(NOT_SEQUENTIAL, name=before.name, kind=kind.name, loc=KIND_LOC)
    if kind.allows_looks and not before.in_order:
        raise InvalidFindings(
            "The sample continues sample {name}, but in another order, so its first rows aren't "
            "those that were examined first.",
            name=before.name,
            loc=KIND_LOC,
        )


def with_other_samples(
    sample: ExaminedSample, others: OtherSamples, kind: EvaluationKind, found: Evaluated
) -> Evaluated:
    """What a kind computed, without a conclusion that the other samples don't allow."""
    before = others.continuation
    caveats = [*found.caveats, *others.caveats(kind)]
    if before is None:
        return replace(found, caveats=caveats)
    if kind.allows_looks:
        return replace(found, caveats=[Sentence(CONTINUES, name=before.name), *caveats])
    methods = " and ".join(dict.fromkeys(each["method"] for each in sample.rounds))
    design = Sentence("{methods} samples", methods=Sentence(methods.replace("_", " ")))
    if len(sample.rounds) > 1:
        design = Sentence("samples of several steps")
    reason = Sentence(ENLARGED, name=before.name, design=design)
    if found.attributes is not None:
        attributes = [
            replace(each, is_tolerable=False if each.is_tolerable is False else None)
            for each in found.attributes
        ]
        found = replace(found, attributes=attributes)
    if found.conclusion is None or not found.conclusion.is_tolerable:
        return replace(found, caveats=[reason, *caveats])
    text = {**found.conclusion.parameters, "reason": reason}
    conclusion = Conclusion(None, *scoped(NO_CONCLUSION, text, sample.scope))
    return replace(found, conclusion=conclusion, caveats=caveats)
