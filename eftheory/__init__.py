"""eftheory: verified theory of exponential-family variational autoencoders.

>>> import eftheory as eft
>>> result = eft.check(decoder="bernoulli(8)", encoder="bernoulli(4)", prior="free")
>>> result.verdict
'consistent'

Importing the package loads nothing heavy: each name below is fetched when it is first used (PEP 562).
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eftheory.check import check as check
    from eftheory.claims import verify as verify
    from eftheory.errors import EftheoryError as EftheoryError
    from eftheory.errors import MisuseError as MisuseError
    from eftheory.verdict import Consistency as Consistency
    from eftheory.verdict import Status as Status
    from eftheory.verdict import Verdict as Verdict
    from eftheory.verdict import Witness as Witness
    from eftheory.witness import consistency_witness as consistency_witness

__version__ = "0.1.0"

_HOME = {
    "check": "check",
    "consistency_witness": "witness",
    "verify": "claims",
    "Consistency": "verdict",
    "EftheoryError": "errors",
    "MisuseError": "errors",
    "Status": "verdict",
    "Verdict": "verdict",
    "Witness": "verdict",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'eftheory' has no attribute {name!r}; it offers {', '.join(sorted(_HOME))}")
    value = getattr(import_module(f"eftheory.{_HOME[name]}"), name)
    setattr(sys.modules[__name__], name, value)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])


class _Package(ModuleType):
    """`eftheory.check` is the function, also once the module of the same name is loaded.

    The import system binds a submodule to its package by assignment; here that assignment binds what it defines.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "check" and isinstance(value, ModuleType):
            value = value.check
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
