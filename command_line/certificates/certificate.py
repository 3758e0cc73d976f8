"""``jobsvc certificate``: the certificate of a sample, and the files that a verifier needs."""

from __future__ import annotations

from pathlib import Path

import click

from command_line.certificates.ledger import write_ledger
from command_line.connection import Target, connected
from command_line.options import JOB, with_target
from command_line.output import CommandFailed, output_file, print_line


@click.command()
@JOB
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder for the files; it is created if need be.",
)
@click.option("--data", "with_data", is_flag=True, help="Write data.csv, which level L2 needs.")
@click.option("--number", type=click.IntRange(1), help="An earlier certificate of the sample.")
@with_target
def certificate(
    target: Target, job_id: str, output: Path, with_data: bool, number: int | None
) -> None:
    """Write the signed certificate of a sample.

    A verifier needs the files beside it, too.

    The folder gets certificate.json, public-key.txt, sample.csv, ledger.json and, with --data,
    data.csv.

    \b
    jobsvc certificate 917f045a --output q1-certificate
    jobsvc certificate 917f045a --output q1-certificate --data
    """
    _make_folder(output)
    with connected(target) as client:
        job = client.get(f"/api/jobs/{job_id}")
        path = f"/api/sampling/jobs/{job['id']}/certificate"
        files = {"certificate.json": path, "sample.csv": f"{path}/sample"}
        if with_data:
            files["data.csv"] = f"{path}/data"
        for name, source in files.items():
            query = {"number": number} if source == path and number is not None else {}
            with output_file(output / name) as file:
                if file is not None:
                    client.download(source, file, **query)
        ledger = client.get(f"/api/datasets/{job['dataset_id']}/ledger", format="json")
        write_ledger(ledger, output / "ledger.json")
        key = client.get("/api/signing-keys")["keys"][0]
        with output_file(output / "public-key.txt") as file:
            if file is not None:
                file.write(f"{key['public_key']}\n".encode())
    names = ", ".join(sorted([*files, "ledger.json", "public-key.txt"]))
    print_line(f"Wrote {names} to {output}.")
    print_line(f"Send the key id to verifiers through another channel: {key['key_id']}")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandFailed(
            "{folder} can't be created: {reason}.", folder=folder, reason=error.strerror
        ) from None
