"""What a rule of clause (c) found."""

from __future__ import annotations

from dataclasses import dataclass

from eftheory.verdict import Formula


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One rule's finding about the conjugation equation (theory: section 2, clause c).

    kind: ``all`` (every admissible decoder satisfies it), ``zero`` (W = 0 is forced), ``none`` (nothing satisfies it),
    ``some`` (a member with W != 0 exists; others may be excluded), or ``unknown``.
    proper: True when the equations are known to exclude admissible decoders.
    dimension, usable: free parameters (W, u) and usable latents at a generic member, when known; otherwise
    usable_at_least: latents that the members shown use.
    """

    kind: str
    rule: str
    reason: str
    conditions: tuple[Formula, ...] = ()
    proper: bool | None = None
    dimension: object = None
    usable: object = None
    usable_at_least: object = None
