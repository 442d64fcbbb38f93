"""Every way to alter a certificate that the checker of certificates has to notice."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

FIELDS = ("schema", "claim", "instance", "where", "given", "relation", "quantities", "verdict", "sha256")
VERDICTS = ("PROVED", "CERTIFIED", "REFUTED", "SUPPORTED", "UNDECIDED")
Certificate = dict[str, Any]


def tamper(certificate: Certificate, *, every: int = 1) -> Iterator[tuple[str, Certificate]]:
    """(what was altered, altered certificate), each with the old hash and with a recomputed one.

    every: of the digits inside the instance, alter each n-th only (large instances).
    """
    for what, altered in _altered(certificate, every):
        yield f"{what}, old hash", altered
        resealed = _resealed(altered)
        if resealed != certificate:  # else only the hash was altered
            yield f"{what}, new hash", resealed
    for place, character in enumerate(certificate["sha256"]):
        other = "0" if character != "0" else "1"
        digest = certificate["sha256"][:place] + other + certificate["sha256"][place + 1 :]
        yield f"sha256 at {place}", {**copy.deepcopy(certificate), "sha256": digest}


def _resealed(certificate: Certificate) -> Certificate:
    rest = {key: value for key, value in certificate.items() if key != "sha256"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return {**rest, "sha256": sha256(text.encode()).hexdigest()}


def _altered(certificate: Certificate, every: int) -> Iterator[tuple[str, Certificate]]:
    yield from _digits(certificate, every)
    yield from _names_and_signs(certificate)
    yield from _fields(certificate)
    yield from _quantities(certificate)


def _digits(certificate: Certificate, every: int) -> Iterator[tuple[str, Certificate]]:
    """One digit more, modulo ten, at each place of each string; and the number of digits."""
    count = 0
    for path, text in _strings(certificate):
        for match in re.finditer("[0-9]", text):
            count += 1
            if path[0] == "sha256" or (path[0] == "instance" and count % every):
                continue
            place = match.start()
            changed = text[:place] + str((int(match[0]) + 1) % 10) + text[place + 1 :]
            yield f"digit {place} of {path}", _with(certificate, path, changed)


def _strings(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _strings(item, (*path, key))


def _with(certificate: Certificate, path: tuple[Any, ...], new: Any) -> Certificate:
    altered = copy.deepcopy(certificate)
    place = altered
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = new
    return altered


def _names_and_signs(certificate: Certificate) -> Iterator[tuple[str, Certificate]]:
    for verdict in VERDICTS:
        if verdict != certificate["verdict"]:
            yield f"verdict {verdict}", _with(certificate, ("verdict",), verdict)
    paper, _, name = certificate["claim"].partition("/")
    for claim in (f"{paper}/{name}x", f"{paper}/{name}#other", f"mine/{name}", f"{paper}x/{name}", name, paper, ""):
        yield f"claim {claim}", _with(certificate, ("claim",), claim)
    for old in ("<=", ">=", "==", "<", ">", "all", "+", "-", "*", "/"):
        for new in ("<", ">=", "<=", "!=", "any", "-", "+"):
            relation = certificate["relation"].replace(old, new, 1)
            if relation != certificate["relation"]:
                yield f"relation {old} to {new}", _with(certificate, ("relation",), relation)
    for path, text in _strings(certificate["instance"], ("instance",)):
        opposite = text[1:] if text.startswith("-") else f"-{text}"
        yield f"sign of {path}", _with(certificate, path, opposite)


def _fields(certificate: Certificate) -> Iterator[tuple[str, Certificate]]:
    for field in certificate:
        yield f"no {field}", {key: value for key, value in copy.deepcopy(certificate).items() if key != field}
        yield f"{field} null", {**copy.deepcopy(certificate), field: None}
    yield "a note", {**copy.deepcopy(certificate), "note": "trust me"}
    yield "an older schema", {**copy.deepcopy(certificate), "schema": "eftheory.certificate/0"}
    for field in ("where", "given"):
        for index in range(len(certificate[field])):
            shorter = certificate[field][:index] + certificate[field][index + 1 :]
            yield f"{field} without {index}", _with(certificate, (field,), shorter)
        if len(certificate[field]) > 1:
            yield f"{field} reversed", _with(certificate, (field,), certificate[field][::-1])
        yield f"{field} longer", _with(certificate, (field,), [*certificate[field], "0 == 0"])
    for name in certificate["instance"]:
        fewer = {key: value for key, value in certificate["instance"].items() if key != name}
        yield f"instance without {name}", _with(certificate, ("instance",), fewer)
    yield "instance with more", _with(certificate, ("instance",), {**certificate["instance"], "more": "1"})


def _quantities(certificate: Certificate) -> Iterator[tuple[str, Certificate]]:
    quantities = certificate["quantities"]
    yield "no quantities", _with(certificate, ("quantities",), {})
    yield "one more quantity", _with(certificate, ("quantities",), {**quantities, "1": quantities[min(quantities)]})
    for name, enclosure in quantities.items():
        fewer = {key: value for key, value in quantities.items() if key != name}
        yield f"no quantity {name}", _with(certificate, ("quantities",), fewer)
        renamed = {**fewer, re.sub("[a-z]", "x", name, count=1): enclosure}
        yield f"quantity {name} renamed", _with(certificate, ("quantities",), renamed)
        for digits in (19, 21, 20.0, True, "20", None):
            yield f"digits {digits!r} of {name}", _with(certificate, ("quantities", name, "digits"), digits)
        for end in ("lower", "upper"):
            less = {key: value for key, value in enclosure.items() if key != end}
            yield f"no {end} of {name}", _with(certificate, ("quantities", name), less)
            yield f"{end} of {name} negated", _with(certificate, ("quantities", name, end), f"-{enclosure[end]}")
            yield f"{end} of {name} padded", _with(certificate, ("quantities", name, end), f"{enclosure[end]}0")
