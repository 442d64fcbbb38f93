"""Certificates: one JSON file for one instance, with everything that is needed to decide it again elsewhere."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

from eftheory.claims.files import digest, write_whole
from eftheory.claims.model import Claim
from eftheory.claims.outcome import CERTIFIABLE, Outcome, refuse_uncertifiable
from eftheory.errors import MisuseError

SCHEMA = "eftheory.certificate/1"
PIN, DIGITS = "digest()", 20
PER_CONTROL = 3
"""So many refuted instances of a control get a certificate: the first ones in the order of the keys."""


def certificate(claim: Claim, outcome: Outcome) -> dict[str, Any] | None:
    """The certificate of `outcome`, or None: undecided, merely supported, without a relation, or not exact.

    A claim is certified where it holds and where it is refuted, a control where it is refuted.
    """
    statuses = ("REFUTED",) if claim.kind == "control" else (*CERTIFIABLE, "REFUTED")
    if not claim.relation or outcome.status not in statuses:
        return None
    try:
        refuse_uncertifiable(claim, outcome.instance, outcome.quantities)
    except MisuseError:  # only a refutation comes here without its numbers; it stands in the report
        return None
    quantities = {text: outcome.quantities[text] for text in claim.quantities}
    rest: dict[str, Any] = {
        "schema": SCHEMA,
        "claim": claim.id,
        "instance": outcome.instance,
        "where": list(claim.where),
        "given": list(claim.given),
        "relation": claim.relation,
        "quantities": quantities,
        "verdict": outcome.status,
    }
    rest = {**rest, "quantities": {**quantities, PIN: pin(rest)}}
    return {**rest, "sha256": digest(rest)}


def pin(rest: dict[str, Any]) -> dict[str, Any]:
    """The quantity that pins every digit of a certificate: 60 bits of the sha256 of everything else."""
    text = f"{int(digest(rest)[:15], 16)}.".ljust(DIGITS + 1, "0")
    return {"lower": text, "upper": text, "digits": DIGITS}


def location(folder: Path, claim: Claim, key: str) -> Path:
    """``folder/<paper>/<claim>/<key>-<hash>.json``, in characters that every file system takes."""
    name = claim.id.partition("/")[2].replace("#", "-")
    slug = re.sub(r"[^A-Za-z0-9]+", "-", key).strip("-")[:60]
    mark = sha256(f"{claim.id}\n{key}".encode(errors="surrogateescape")).hexdigest()[:10]
    return folder / claim.paper / name / f"{slug}-{mark}.json"


def write(folder: Path, claim: Claim, outcome: Outcome) -> bool:
    """Write the certificate of `outcome`, whole or not at all; False where there is none."""
    made = certificate(claim, outcome)
    if made is None:
        return False
    write_whole(location(folder, claim, outcome.key), json.dumps(made, indent=1) + "\n")
    return True
