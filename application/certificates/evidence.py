"""One ZIP file with everything that a verifier of a sample needs."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from application.access import Caller
from application.audit.attachments import audit_downloads
from application.audit.combined_issuing import readable_papers
from application.audit.engagements import may_read
from application.audit.sealing import reads_seal
from application.certificates.evaluation import NoEvaluation, evaluation_certificate_of
from application.certificates.issuing import certificate_of
from application.certificates.ledger import ledger_file
from application.certificates.row_proofs import row_proofs, sampled_ordinals
from application.certificates.statement import write_data, write_sample_csv
from domain_errors import render
from service.service import Service
from service.tables.open_tables import open_sample, open_source
from storage.audit.attachments import attachments_of
from storage.audit.engagements import engagement_of
from storage.audit.papers import list_issued_papers
from storage.certificates.envelopes import key_id, public_bytes
from storage.certificates.row_roots import row_root_of
from storage.jobs.jobs import JobRecord

MAX_PROOFS = 10_000
"""Rows whose proofs the file has; of larger samples it has none."""

README = """Evidence about sample {name} of dataset {dataset}
{line}

{listed}

To verify it, take one of the two verifiers from a source that you trust:

1. verify.html: open it in a browser, offline, and drop this ZIP file on it.
2. verify_sample.py, with Python 3.11: python verify_sample.py FILE.zip --key PUBLIC_KEY

Compare the key id with the one that the firm gave you through another channel:
{key_id}

What isn't proved: that each finding is right, which is the word of who examined the row; when
something was signed, unless the head of the ledger was handed over before; that the rows of the
table are those of the company's books, without row proofs and totals of your own. The verifiers
name each claim.

The format is described in CERTIFICATE.md of jobsvc.
"""
LISTED = {
    "certificate.json": "how the rows were drawn, signed",
    "evaluation.json": "findings, review and evaluation, signed",
    "public-key.txt": "the key of the signatures; not to be trusted from here alone",
    "sample.csv": "the drawn rows",
    "data.csv": "what a new draw needs of every row of the table",
    "ledger.json": "what was planned, drawn, replaced, issued and deleted in the dataset",
    "proofs.json": "proofs that the drawn rows belong to the table",
    "seal.json": "the seal of the engagement, whose SHA-256 the ledger has",
    "papers/": "the issued working papers, whose hashes the ledger has",
    "attachments/": "the attached files, named by their SHA-256",
    "verify.html": "a verifier, as a page that works offline",
    "verify_sample.py": "a verifier, a Python program",
}


def write_evidence(
    by: Caller, job: JobRecord, path: Path, *, with_data: bool, with_attachments: bool
) -> None:
    """Write the ZIP file; the names are those that the verifiers expect.

    An attachment is named by its hash, since its own name is somebody's text.

    Raises
    ------
    NoCertificate
        The draw has no certificate.
    DamagedData
        A paper or an attachment is missing, or isn't what its hash says.
    """
    service = by.service
    with service.scratch_file("part") as part, ZipFile(path, "w", ZIP_DEFLATED) as archive:
        _write_certificates(by, job, archive)
        sample = open_sample(service, job)
        write_sample_csv(service, sample, part)
        archive.write(part, "sample.csv")
        if with_data:
            write_data(service, job, part)
            archive.write(part, "data.csv")
        # After the certificates, whose entries it has.
        archive.writestr("ledger.json", ledger_file(service, job.dataset_id))
        _write_proofs(service, job, archive)
        _write_seal(by, job, archive)
        _write_papers(by, job, archive)
        if with_attachments:
            _write_attachments(by, job, archive)
        for name in ("verify.html", "verify_sample.py"):
            archive.writestr(name, files("verifiers").joinpath(name).read_bytes())
        archive.writestr("README.txt", _readme(service, job, archive.namelist()))


def _write_certificates(by: Caller, job: JobRecord, archive: ZipFile) -> None:
    """The second one only of a sample with findings."""
    service = by.service
    try:
        evaluation = evaluation_certificate_of(by, job, None)
    except NoEvaluation:
        evaluation = None
    envelopes = {"certificate.json": certificate_of(service, job, None)}
    if evaluation is not None:
        envelopes["evaluation.json"] = evaluation
    for name, envelope in envelopes.items():
        archive.writestr(name, json.dumps(envelope, indent=2))
    public = public_bytes(service.signing_keys.current())
    archive.writestr("public-key.txt", f"{public.hex()}\n")


def _write_proofs(service: Service, job: JobRecord, archive: ZipFile) -> None:
    source = open_source(service, job)
    with service.database.read() as tx:
        root = row_root_of(tx, job.dataset_id, source.commit_id, source.key)
    if root is None:
        return
    ordinals = sampled_ordinals(service, job, 0, MAX_PROOFS + 1)
    if len(ordinals) <= MAX_PROOFS:
        proofs = asdict(row_proofs(service, job, ordinals))
        archive.writestr("proofs.json", json.dumps(proofs))


def _write_seal(by: Caller, job: JobRecord, archive: ZipFile) -> None:
    """The seal of the sample's engagement, if the caller can see this."""
    with by.service.database.read() as tx:
        engagement = engagement_of(tx, job.id)
        if (
            engagement
            and engagement.seal
            and may_read(tx, by.user, engagement)
            and reads_seal(tx, by.user, engagement.seal)
        ):
            archive.writestr("seal.json", engagement.seal)


def _write_papers(by: Caller, job: JobRecord, archive: ZipFile) -> None:
    """The papers, and those on other samples, too, whose datasets the caller can read."""
    whole = by.service.data_files.whole
    with by.service.database.read() as tx:
        papers = list_issued_papers(tx, job.id)
    for paper in papers:
        name = f"papers/paper-{paper.number}.{paper.format}"
        archive.write(whole(paper.sha256, paper.size_bytes), name)
    for combined in readable_papers(by, job.id):
        name = f"papers/together-{combined.id}.{combined.format}"
        archive.write(whole(combined.sha256, combined.size_bytes), name)


def _write_attachments(by: Caller, job: JobRecord, archive: ZipFile) -> None:
    with by.service.database.read() as tx:
        attachments = attachments_of(tx, job.id)
    sizes = {file.sha256: file.size_bytes for file in attachments}
    for sha256, size_bytes in sorted(sizes.items()):
        path = by.service.data_files.whole(sha256, size_bytes)
        archive.write(path, f"attachments/{sha256}")
    audit_downloads(by, job, attachments)


def _readme(service: Service, job: JobRecord, names: list[str]) -> str:
    name = job.shown_name
    title = f"Evidence about sample {name} of dataset {job.dataset_name}"
    here = {name.partition("/")[0] + "/" * ("/" in name) for name in names}
    listed = [f"{each:<18}{text}" for each, text in LISTED.items() if each in here]
    lacking = [f"{each:<18}not here: {text}" for each, text in LISTED.items() if each not in here]
    values = {
        "name": name,
        "dataset": job.dataset_name,
        "line": "=" * len(title),
        "listed": "\n".join([*listed, *lacking]),
        "key_id": key_id(public_bytes(service.signing_keys.current())),
    }
    return render(README, values)
