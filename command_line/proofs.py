"""``jobsvc certificate``, ``ledger``, ``row-root``, ``row-proofs`` and ``key``, for verifiers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from jobsvc_client import JobsvcError

from command_line.connection import ApiClient
from command_line.options import (
    BATCH,
    JOB,
    NEW_FILE,
    OFFSET,
    REF,
    TABLE,
    YES,
    WholeNumber,
    body_of,
    limit_option,
    printed,
    with_client,
)
from command_line.output import (
    CommandFailed,
    Printed,
    confirm,
    make_folder,
    new_file,
    print_items,
    print_line,
    utc_text,
)
from domain_errors import counted
from storage.certificates.canonical_json import canonical_json
from storage.certificates.envelopes import verified_payload
from storage.certificates.ledger import LEDGER_TYPE, LedgerEntry, chain_faults


@click.command()
@click.argument("dataset")
@click.option("--check", is_flag=True, help="Recompute all digests; exit code 1 if one is wrong.")
@click.option(
    "--output",
    type=NEW_FILE,
    help="Write the whole ledger with a signed head to this file.",
)
@limit_option(50)
@OFFSET
@printed()
def ledger(
    client: ApiClient, dataset: str, check: bool, output: Path | None, **page: int
) -> Printed:
    """List the ledger of a dataset.

    It has plans, draws, replacements and deletions, newest first.

    \b
    jobsvc ledger sales
    jobsvc ledger sales --check --output ledger.json
    """
    path = f"/api/datasets/{client.dataset_id(dataset)}/ledger"
    if output is None and not check:
        return Printed(client.get(path, **page), _print_page)
    whole = client.get(path, format="json")
    if output is not None:
        _write_ledger(whole, output)
    faults = _faults(client, whole) if check else []
    for fault in faults:
        print_line(f"{fault[:1].upper()}{fault[1:]}.")
    if faults:
        raise SystemExit(CommandFailed.exit_code)
    count = counted(len(whole["entries"]), "entry", "entries")
    return Printed(
        {"entries": len(whole["entries"])}, f"{count} checked; no fault." if check else ""
    )


def _write_ledger(whole: dict[str, Any], output: Path) -> None:
    with new_file(output) as file:
        file.write(json.dumps(whole, ensure_ascii=False, indent=1).encode())


def _print_page(page: dict[str, Any]) -> None:
    print_items(
        page["entries"],
        {
            "number": "number",
            "recorded": lambda entry: utc_text(entry["recorded_at"]),
            "kind": "kind",
            "sample": lambda entry: entry["sample"] or "",
            "entry": "sentence",
            "digest": lambda entry: entry["digest"][:12],
        },
    )
    print_line(f"{len(page['entries']):,} of {page['total']:,} entries.")
    if page["unrecorded_draws"]:
        print_line(f"{page['unrecorded_draws']:,} draws are older than the ledger.")


def _faults(client: ApiClient, whole: dict[str, Any]) -> list[str]:
    """Sentences on what is wrong with a whole ledger, by the server's public keys."""
    entries = [LedgerEntry(**each) for each in whole["entries"]]
    faults = list(chain_faults(entries))
    if not entries:
        return faults
    keys = client.all_of("/api/signing-keys", "keys")
    head, last = whole["head"], entries[-1]
    payload = verified_payload(head, {each["key_id"]: each["public_key"] for each in keys})
    if payload is None or head["payloadType"] != LEDGER_TYPE:
        return [*faults, "the head of the ledger isn't signed by a key of the server"]
    signed = json.loads(payload)
    expected = {
        "dataset_id": last.dataset_id,
        "number": last.number,
        "digest": last.digest,
        "signed_at": signed.get("signed_at"),
    }
    if payload.decode() != canonical_json(expected):
        faults.append("the signed head isn't the last entry of the ledger")
    return faults


@click.command()
@JOB
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder for the files; it is created if need be.",
)
@click.option("--data", "with_data", is_flag=True, help="Write data.csv, which level L2 needs.")
@click.option("--number", type=WholeNumber(1), help="An earlier certificate of the sample.")
@with_client
def certificate(
    client: ApiClient, job_id: str, output: Path, with_data: bool, number: int | None
) -> None:
    """Write the signed certificate of a sample.

    A verifier needs the files beside it, too.

    The folder gets certificate.json, public-key.txt, sample.csv, ledger.json, of a sample with
    findings evaluation.json and, with --data, data.csv.

    \b
    jobsvc certificate 917f045a --output q1-certificate
    jobsvc certificate 917f045a --output q1-certificate --data
    """
    make_folder(output)
    job = client.get(f"/api/jobs/{job_id}")
    path = f"/api/sampling/jobs/{job['id']}/certificate"
    files = {"certificate.json": path, "sample.csv": f"{path}/sample"}
    if with_data:
        files["data.csv"] = f"{path}/data"
    for name, source in files.items():
        client.save(source, output / name, number=number if source == path else None)
    _save_evaluation(client, job["id"], output, files)
    ledger = client.get(f"/api/datasets/{job['dataset_id']}/ledger", format="json")
    _write_ledger(ledger, output / "ledger.json")
    key = client.get("/api/signing-keys")["keys"][0]
    with new_file(output / "public-key.txt") as file:
        file.write(f"{key['public_key']}\n".encode())
    names = ", ".join(sorted([*files, "ledger.json", "public-key.txt"]))
    print_line(f"Wrote {names} to {output}.")
    print_line(f"Send the key id to verifiers through another channel: {key['key_id']}")


def _save_evaluation(client: ApiClient, job_id: str, output: Path, files: dict[str, str]) -> None:
    """Write the certificate of the evaluation, unless the sample has no findings."""
    path = f"/api/sampling/jobs/{job_id}/evaluation-certificate"
    try:
        client.save(path, output / "evaluation.json")
    except JobsvcError as error:
        if error.code != "no_certificate":
            raise
        print_line(f"Without evaluation.json: {error}")
    else:
        files["evaluation.json"] = path


@click.command()
@JOB
@click.option("--output", type=NEW_FILE, required=True, help="Write the ZIP file to this file.")
@click.option("--data/--no-data", default=True, help="With data.csv, which level L2 needs.")
@click.option("--attachments", is_flag=True, help="With the attached files.")
@with_client
def evidence(client: ApiClient, job_id: str, output: Path, data: bool, attachments: bool) -> None:
    """Write everything that a verifier of a sample needs to a ZIP file.

    It has both certificates, the sample, its data, the ledger, row proofs, the public key and the
    verifiers.

    \b
    jobsvc evidence 917f045a --output q1.zip
    python verify_sample.py q1.zip
    """
    path = f"/api/sampling/jobs/{job_id}/evidence"
    client.save(path, output, data=data, attachments=attachments)
    print_line(f"Wrote {output}.")
    key = client.get("/api/signing-keys")["keys"][0]
    print_line(f"Send the key id to verifiers through another channel: {key['key_id']}")


PAGE = 1000


@click.command("row-root")
@click.argument("dataset")
@REF
@TABLE
@BATCH
@printed("{output_summary[row_root]}  {output_summary[rows]:,} rows")
def row_root(client: ApiClient, dataset: str, **chosen: Any) -> Any:
    """Hash all rows of a table, so that its rows can be proved.

    The root is recorded in the dataset's ledger. See docs/CERTIFICATE.md.

    \b
    jobsvc row-root payables
    """
    path = f"/api/datasets/{client.dataset_id(dataset)}/row-roots"
    return client.run_job(path, body_of(chosen), "Row root")


@click.command("row-proofs")
@JOB
@click.option(
    "--output",
    type=NEW_FILE,
    required=True,
    help="Write the proofs to this file.",
)
@with_client
def row_proofs(client: ApiClient, job_id: str, output: Path) -> None:
    """Write proofs that a sample's rows belong to their table.

    \b
    jobsvc row-proofs 917f045a --output proofs.json
    """
    path = f"/api/sampling/jobs/{job_id}/row-proofs"
    found = client.get(path, limit=PAGE)
    page = found["proofs"]
    while len(page) == PAGE:
        page = client.get(path, limit=PAGE, offset=len(found["proofs"]))["proofs"]
        found["proofs"] += page
    with new_file(output) as file:
        file.write(json.dumps(found, indent=1).encode())
    print_line(f"Proofs of {counted(len(found['proofs']), 'row')} are in {output}.")


@click.group()
def key() -> None:
    """Show and rotate the key that signs certificates."""


@key.command("list")
@printed(
    {
        "key id": "key_id",
        "public key": "public_key",
        "created": "created_at",
        "retired": "retired_at",
    }
)
def list_keys(client: ApiClient) -> Any:
    """List the public keys, the current one first.

    \b
    jobsvc key list
    """
    return client.all_of("/api/signing-keys", "keys")


@key.command("rotate")
@YES
@printed("{key_id}")
def rotate(client: ApiClient, yes: bool) -> Any:
    """Create a new key. The old public key stays listed.

    \b
    jobsvc key rotate --yes
    """
    confirm("Replace the key that signs certificates?", yes)
    return client.post("/api/signing-keys/rotate")
