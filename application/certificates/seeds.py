"""What the seeds of a draw prove, and to whom."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from domain_errors import Sentence
from service.service import Service
from storage.certificates.beacons import Chain, find_chain
from storage.certificates.ledger import count_registrations
from storage.jobs.jobs import JobRecord

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "chosen": "Not checkable: a person gave the seed, and may have tried many.",
        "entropy": "Not checkable: the server drew the seed, so a reader has to trust the server.",
        "mixed": "Not checkable: a person gave some of the seeds.",
        "dice": "As much as the witnesses of the dice say: the plan was registered before.",
        "unknown": "Not checkable: the job didn’t record where its seed comes from.",
    }
)
"""Sentences on the evidence that a seed gives, by the kind of its origin."""
OF_UNKNOWN_CHAIN = (
    "Claimed, not checked: the beacon’s chain is none of drand’s two, so neither the time nor the "
    "signature of its round can be checked here. To others the seed is as good as chosen."
)
OF_UNKNOWN_PREVIOUS = (
    "Claimed, not checked: the draw didn’t record the signature of the round before, which rounds "
    "of drand {name} sign. To others the seed is as good as chosen."
)
INVENTED = (
    "Nothing: the signature isn’t that of this round by the key of drand {name}, so somebody may "
    "have chosen the seed."
)
OF_SEVERAL_PLANS = (
    "That the seed is a beacon’s, but not that nobody chose it: the plan was registered {count} "
    "times, and each registration has another seed. "
)
OF_ONE_PLAN = "That nobody chose the seed, which is a beacon’s. "
OF_BEACON = (
    "The first round of drand {name} after the registration gave it. This server verified the "
    "round’s signature by the public key {key}… of that chain. A reader needs "
    "certificate.json, and a program that verifies BLS signatures, such as verify_sample.py with "
    "the package py-ecc."
)


def seed_origin(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The origin of the seeds of all rounds."""
    if "seed_origin" in parameters:
        return dict(parameters["seed_origin"])
    origins = set(parameters.get("seed_origins") or ["unknown"])
    return {"kind": origins.pop() if len(origins) == 1 else "mixed"}


def seed_evidence(service: Service, job: JobRecord) -> str:
    """The evidence that the seeds of a draw give, as a sentence."""
    registrations = 1
    if plan := job.run_parameters.get("plan"):
        with service.database.read() as tx:
            registrations = count_registrations(tx, job.dataset_id, plan["digest"])
    return seed_sentence(service, job.run_parameters, registrations)


def seed_sentence(service: Service, parameters: Mapping[str, Any], registrations: int = 1) -> str:
    """The evidence that the seeds of a draw give. Verifies the signature of a beacon.

    ``registrations`` counts those of the plan, each of which has another first round of a beacon.

    The signature is verified once, and the result cached: an older server drew with any signature.
    """
    origin = seed_origin(parameters)
    if origin["kind"] != "beacon":
        return Sentence(SENTENCES[origin["kind"]])
    chain = find_chain(origin["chain"])
    if chain is None:
        return Sentence(OF_UNKNOWN_CHAIN)
    if chain.is_chained and "previous_signature" not in origin:
        sentence = OF_UNKNOWN_PREVIOUS
    elif not _is_verified(service, chain, origin):
        sentence = INVENTED
    else:
        sentence = (OF_ONE_PLAN if registrations < 2 else OF_SEVERAL_PLANS) + OF_BEACON
    values = {"name": chain.name, "key": chain.public_key[:16], "count": registrations}
    return Sentence(sentence, **values)


def _is_verified(service: Service, chain: Chain, origin: Mapping[str, Any]) -> bool:
    number, signature = origin["round"], origin["signature"]
    previous = origin.get("previous_signature")
    return service.results.beacons.get(
        (chain.hash, number, signature, previous),
        lambda: chain.verify(number, signature, previous),
    )
