"""The families by name: a registry that imports a family only when it is asked for (start-up loads no SymPy).

A new family is one file ``<name>.py`` with a constructor ``<name>``, and one line in `NAMES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

from eftheory.errors import MisuseError, unknown

if TYPE_CHECKING:
    from eftheory.families.base import Family
    from eftheory.families.description import Description

NAMES = (
    "bernoulli",
    "beta",
    "binomial",
    "boltzmann",
    "categorical",
    "dirichlet",
    "exponential",
    "gamma",
    "geometric",
    "inverse_gamma",
    "laplace",
    "log_normal",
    "multinomial",
    "mvn",
    "negative_binomial",
    "normal",
    "pareto",
    "poisson",
    "von_mises",
    "weibull",
)

TORCH = {
    "Bernoulli": "bernoulli",
    "Beta": "beta",
    "Binomial": "binomial",
    "Categorical": "categorical",
    "Dirichlet": "dirichlet",
    "Exponential": "exponential",
    "Gamma": "gamma",
    "Geometric": "geometric",
    "InverseGamma": "inverse_gamma",
    "Laplace": "laplace",
    "LogNormal": "log_normal",
    "Multinomial": "multinomial",
    "MultivariateNormal": "mvn",
    "NegativeBinomial": "negative_binomial",
    "Normal": "normal",
    "OneHotCategorical": "categorical",
    "Pareto": "pareto",
    "Poisson": "poisson",
    "VonMises": "von_mises",
    "Weibull": "weibull",
}
"""Classes of torch.distributions, by name, and the family that each is."""


def constructor(name: str) -> Callable[..., Family]:
    """The constructor of a shipped family. Raises MisuseError for an unknown name, with the nearest suggested."""
    if name not in NAMES:
        raise unknown("family", name, NAMES)
    found: Callable[..., Family] = getattr(import_module(f"eftheory.families.{name}"), name)
    return found


def build(name: str, size_args: Sequence[object], keyword_args: Mapping[str, object]) -> Family:
    """The family ``name(size_args, keyword_args)``.

    Keywords are hyperparameters (``variance=``, ``trials=``, ...) or values of the usual parameters, which a prior
    needs: all of them or none. Where a keyword can be both, ``normal(2, variance=1)`` fixes the hyperparameter and
    ``normal(2, mean=0, variance=1)`` gives every parameter a value. Raises MisuseError.
    """
    make = constructor(name)
    _check_sizes(name, make, size_args)
    hyper, values = _split(name, make, size_args, keyword_args)
    family = make(*size_args, **hyper)
    return _with_values(family, values) if values else family


def describe(name: str) -> tuple[Description, ...]:
    """The facts of a family as text, one entry for each variant (``normal(d)``, ``normal(d, variance=variance)``)."""
    from eftheory.families.description import describe_all

    return describe_all(name, constructor(name))


def from_torch(name_or_class: object) -> str:
    """The family name of a torch.distributions class, instance or class name; torch is never imported.

    Raises MisuseError for a class that is no shipped family.
    """
    if isinstance(name_or_class, str):
        name = name_or_class.rpartition(".")[2]
    else:
        name = getattr(name_or_class, "__name__", type(name_or_class).__name__)
    if name not in TORCH:
        raise MisuseError(
            wanted=f"a torch distribution that is a shipped family ({', '.join(sorted(TORCH))})",
            got=name,
            do="if it is an exponential family, give its statistics, support and base as an own family",
        )
    return TORCH[name]


def _sizes(make: Callable[..., Family]) -> list[str]:
    return [p.name for p in signature(make).parameters.values() if p.kind is not Parameter.KEYWORD_ONLY]


def _hyperparameters(make: Callable[..., Family]) -> dict[str, bool]:
    """The keywords of the constructor, and whether each must be given."""
    parameters = signature(make).parameters.values()
    return {p.name: p.default is Parameter.empty for p in parameters if p.kind is Parameter.KEYWORD_ONLY}


def _check_sizes(name: str, make: Callable[..., Family], size_args: Sequence[object]) -> None:
    wanted = _sizes(make)
    if len(size_args) != len(wanted):
        form = f"{name}({'+'.join(wanted)})"
        got = f"{len(size_args)} ({', '.join(map(str, size_args))})" if size_args else "none"
        sizes = "one size" if len(wanted) == 1 else f"{len(wanted)} sizes"
        raise MisuseError(wanted=f"{sizes} for {name}", got=got, do=f"write {form} with numbers or symbols")


def _split(
    name: str, make: Callable[..., Family], size_args: Sequence[object], keywords: Mapping[str, object]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Hyperparameters and values among the keywords; every keyword is one of them, and none is missing."""
    hyper = _hyperparameters(make)
    if keywords:
        _check_keywords(name, make, size_args, keywords)
    if keywords and not any(hyper.values()) and set(keywords) == set(make(*size_args).unit.parameters):
        return {}, dict(keywords)
    for key, required in hyper.items():
        if required and key not in keywords:
            raise MisuseError(wanted=f"{key} of {name}", got="nothing", do=f"add {key}=: it is part of the family")
    chosen = {key: value for key, value in keywords.items() if key in hyper}
    return chosen, {key: value for key, value in keywords.items() if key not in hyper}


def _check_keywords(
    name: str, make: Callable[..., Family], size_args: Sequence[object], keywords: Mapping[str, object]
) -> None:
    hyper = _hyperparameters(make)
    # 1 is admissible for every hyperparameter, so this only asks for the names of the parameters
    known = {*hyper, *make(*size_args, **dict.fromkeys(hyper, 1)).unit.parameters}
    if not any(hyper.values()):
        known |= set(make(*size_args).unit.parameters)
    for key in keywords:
        if not known:
            raise MisuseError(wanted=f"{name} without keywords", got=f"{key}=", do=f"remove {key}=")
        if key not in known:
            raise unknown(f"keyword of {name}", key, known)


def _with_values(family: Family, values: Mapping[str, Any]) -> Family:
    """The family with all its parameters given; the values are checked here, once."""
    from eftheory.families.arguments import notation

    for key in values:
        if key not in family.unit.parameters:
            raise unknown(f"parameter of {family}", key, family.unit.parameters)
    absent = [key for key in family.unit.parameters if key not in values]
    if absent:
        raise MisuseError(
            wanted=f"values for all parameters of {family.name} ({', '.join(family.unit.parameters)})",
            got=", ".join(values),
            do=f"add {', '.join(absent)}",
        )
    join = "+" if len(family.unit.groups) > 1 else ", "
    sizes = list(family.unit.groups) or [family.copies]
    spec = notation(family.name, sizes, {**family.arguments, **values}, join)
    full = replace(family, values=dict(values), spec=spec)
    # a symbolic size is checked at three, its symbol replaced in the values too
    full.natural_values(tuple(size if isinstance(size, int) else 3 for size in family.unit.groups))
    return full
