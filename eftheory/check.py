"""The first question of the toolkit: is this encoder family consistent with this decoder, prior and inputs?

The only implementation of `eftheory.check`: `derive` answers symbolically, `witness` certifies in balls a decoder that
the answer excludes. The two share no evaluation code; a verdict that needs an excluded decoder and gets none certified
is undecided.
"""

from __future__ import annotations

import time
from dataclasses import replace

from eftheory.derive.consistency import Derivation, consistency, derive, random_couplings, random_nonmember
from eftheory.derive.repairs import repairs
from eftheory.derive.rules.nonmembers import stated
from eftheory.spec import Specification, specification
from eftheory.verdict import Consistency, Witness
from eftheory.witness import certify_inputs, certify_nonmember


def check(*, decoder: object, encoder: object, prior: object, inputs: object = "x") -> Consistency:
    """Is this encoder family consistent, that is, can it be exact for any decoder that has not collapsed?

    decoder, encoder: notation such as ``"bernoulli(784)"``, a Family, or a torch.distributions class or its name.
    prior: ``"free"``, ``"same"``, ``"uniform"`` or a family with values, ``"normal(20, mean=0, variance=1)"``.
    inputs: ``"x"``, ``"frequencies"``, or an expression in x.
    Returns the verdict with conditions, witness and repairs (theory: section 2; Shekhovtsov et al. 2022, Theorem 1).
    Raises MisuseError for bad input.

    Example:

    >>> result = check(decoder="bernoulli(2)", encoder="bernoulli(2)", prior="uniform")
    >>> result.verdict, result.usable_latents.text
    ('constrained', 'at least 2')
    """
    return check_specification(specification(decoder=decoder, encoder=encoder, prior=prior, inputs=inputs))


def check_specification(spec: Specification) -> Consistency:
    """`check` for a specification that is already built (a named model, a TOML file)."""
    start = time.perf_counter()
    found = derive(spec)
    witness = _witness(found)
    if _needs_witness(found) and witness is None:
        reason = "prior: a decoder outside the set was found numerically, but no ball certifies it"
        found = replace(found, verdict="undecided", reason=reason)
    result = consistency(found, repairs(found), seconds=time.perf_counter() - start)
    if witness is None:
        return result
    return replace(result, witness=witness, seconds=time.perf_counter() - start)


def _needs_witness(found: Derivation) -> bool:
    """`constrained` by the prior rests on one admissible decoder that the equation excludes."""
    return found.verdict == "constrained" and found.prior is not None and found.prior.kind == "some"


def _witness(found: Derivation) -> Witness | None:
    """A decoder outside the set: excluded by the prior, else by what the inputs hide."""
    setting = found.setting
    if setting is None or found.verdict not in ("constrained", "collapsed", "empty"):
        return None
    decoder, encoder, latents = setting.decoder.groups, setting.encoder.groups, len(setting.latents)
    candidate = random_nonmember(found)
    if candidate is not None:
        W, u = stated(setting, candidate)
        return certify_nonmember(found.spec, decoder, candidate.pixels, encoder, latents, W, u)
    if found.inputs is None or found.inputs.pair is None:
        return None
    for candidate in random_couplings(found):
        W, u = stated(setting, candidate)
        witness = certify_inputs(found.spec, decoder, encoder, latents, W, u, found.inputs.pair)
        if witness is not None:
            return witness
    return None
