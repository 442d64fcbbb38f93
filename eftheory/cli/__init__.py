"""The command line: parses, calls, prints. Each subcommand imports what it needs, so that `--help` stays light.

Exit codes: 0 consistent or constrained, 1 collapsed or empty, 2 undecided (`verify` and `recheck` say theirs), 64 bad
input (one plain line on stderr), 70 a defect of eftheory itself (so that a crash never reads as an answer), 130
interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eftheory.cli.experiment import experiment as experiment_command
from eftheory.cli.options import Quiet, refuse
from eftheory.cli.output import progress, refuse_unwritable, terminal_width, write_atomically
from eftheory.cli.project import project as project_command
from eftheory.cli.train import train as train_command
from eftheory.cli.verify import recheck as recheck_command
from eftheory.cli.verify import verify as verify_command
from eftheory.errors import MisuseError

if TYPE_CHECKING:
    from eftheory.spec import Specification
    from eftheory.verdict import Consistency

BAD_INPUT, DEFECT, INTERRUPTED, PIPE_CLOSED = 64, 70, 130, 141
REPEATABLE = frozenset({"--set", "--part"})
EXIT = {"consistent": 0, "constrained": 0, "collapsed": 1, "empty": 1, "undecided": 2}

app = typer.Typer(
    name="eftheory",
    help="Verifies the theory of exponential-family VAEs.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def run(argv: Sequence[str] | None = None) -> int:
    """Run `argv` and return the exit code; whatever goes wrong is one line on stderr, never a traceback.

    EFTHEORY_DEBUG=1 lets a defect of eftheory itself through with its traceback.
    """
    _survive_narrow_encodings()
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        _refuse_repeats(words)
        code = app(args=words, prog_name="eftheory", standalone_mode=False)
        sys.stdout.flush()
        return int(code or 0)
    except typer.Abort:
        return _fail("interrupted", INTERRUPTED)
    except (BrokenPipeError, SystemExit):
        # typer itself turns a closed pipe into SystemExit(1), which would read as "collapsed"
        _drop_output()
        return PIPE_CLOSED
    except MisuseError as error:
        return _fail(str(error), BAD_INPUT)
    except OSError as error:
        _drop_output()
        return _fail(f"wanted to read and write; got {error.strerror or error}; check files and disk", BAD_INPUT)
    except Exception as error:
        if hasattr(error, "format_message"):  # the option parser's own errors; their class moved between typer versions
            return _fail(f"{error.format_message()} See 'eftheory --help'.", BAD_INPUT)
        if os.environ.get("EFTHEORY_DEBUG"):
            raise
        return _fail(f"defect in eftheory, please report it: {type(error).__name__}: {error}", DEFECT)


def _refuse_repeats(words: Sequence[str]) -> None:
    """The option parser would silently take the last of two values."""
    options = [word.split("=", 1)[0] for word in words if word.startswith("--") and len(word) > 2]
    for option in set(options) - REPEATABLE:
        if options.count(option) > 1:
            raise MisuseError(wanted=f"{option} once", got=f"{options.count(option)} times", do="leave one out")


def _fail(message: str, code: int) -> int:
    print(f"eftheory: {' '.join(message.split())}", file=sys.stderr)
    return code


def _drop_output() -> None:
    """What stdout still holds goes nowhere: Python would try once more at exit, and complain."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _survive_narrow_encodings() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from eftheory import __version__

        print(__version__)
    elif context.invoked_subcommand is None:
        print(context.get_help())


@app.command(short_help="Is this encoder family consistent?")
def check(
    model: Annotated[
        str | None, typer.Argument(metavar="NAME|SPEC.toml", help="A published model (see --list), or a file.")
    ] = None,
    decoder: Annotated[str | None, typer.Option(help="Family of p(x|z), e.g. 'bernoulli(784)'.")] = None,
    encoder: Annotated[str | None, typer.Option(help="Family of q(z|x), e.g. 'normal(20)'.")] = None,
    prior: Annotated[
        str | None, typer.Option(help="free, same, or a family with values: 'normal(20, mean=0, variance=1)'.")
    ] = None,
    inputs: Annotated[str | None, typer.Option(help="What the encoder sees: x (default), frequencies, T(x).")] = None,
    json: Annotated[str | None, typer.Option(metavar="FILE|-", help="Write the answer as JSON (- for stdout).")] = None,
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX (amsmath) instead of text.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show the derivation, step by step.")] = False,
    list_models: Annotated[bool, typer.Option("--list", help="List the published models and their sources.")] = False,
    quiet: Quiet = False,
) -> int:
    """Is this encoder family consistent? Name a decoder, an encoder and a prior; get a verdict and its derivation.

    Exit code: 0 consistent or constrained, 1 collapsed or empty, 2 undecided, 64 bad input.
    """
    asked = {"NAME": model, "--decoder": decoder, "--encoder": encoder, "--prior": prior, "--inputs": inputs}
    if list_models:
        refuse("--list", {**asked, "--json": json, "--latex": latex, "--explain": explain})
        return _list_models(quiet)
    if json == "-":
        refuse("--json -", {"--latex": latex, "--explain": explain})
    if latex:
        refuse("--latex", {"--explain": explain})
    if quiet:
        refuse("--quiet", {"--latex": latex, "--explain": explain})
    refuse_unwritable(json)
    with progress(quiet):
        result = _answer(_specification(model, decoder, encoder, prior, inputs))
    _show(result, json=json, latex=latex, explain=explain, quiet=quiet)
    return EXIT[result.verdict]


def _specification(
    model: str | None, decoder: str | None, encoder: str | None, prior: str | None, inputs: str | None
) -> Specification:
    """The question: a file, a published model, or families given one by one."""
    for name, value in {
        "NAME (a published model) or SPEC.toml (a file)": model,
        "--prior": prior,
        "--inputs": inputs,
    }.items():
        if value is not None and not value.strip():
            wanted = (
                "a published model's NAME or a file SPEC.toml" if name.startswith("NAME") else f"a value for {name}"
            )
            raise MisuseError(wanted=wanted, got=repr(value), do="name one, or see 'eftheory check --list'")
    families = {"--decoder": decoder, "--encoder": encoder}
    if model is not None:
        refuse(repr(model), families)
    elif None in (decoder, encoder, prior):
        missing = [name for name, value in {**families, "--prior": prior}.items() if value is None]
        raise MisuseError(
            wanted="NAME, SPEC.toml, or --decoder, --encoder and --prior",
            got=f"no {', no '.join(missing)}",
            do="add what is missing, or see 'eftheory check --list'",
        )
    from eftheory import spec

    if model is None:
        return spec.specification(
            decoder=decoder, encoder=encoder, prior=prior, inputs="x" if inputs is None else inputs
        )
    published = [name for name, *_ in spec.named_models()]
    if model.endswith(".toml") or (model not in published and Path(model).exists()):
        return spec.load(model, prior=prior, inputs=inputs)
    return spec.named(model, prior=prior, inputs=inputs)


def _answer(specification: Specification) -> Consistency:
    from eftheory.check import check_specification

    return check_specification(specification)


def _show(result: Consistency, *, json: str | None, latex: bool, explain: bool, quiet: bool) -> None:
    from eftheory import report

    if json is not None:
        text = report.consistency_json(result)
        if json == "-":
            print(text)
            return
        write_atomically(Path(json), text + "\n")
    if quiet:
        print(result.verdict)
    elif latex:
        print(report.consistency_latex(result))
    else:
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        print(report.consistency_text(result, explain=explain, width=terminal_width(), colour=colour))


def _list_models(quiet: bool) -> int:
    from eftheory.spec import named_models

    for name, arguments, source in named_models():
        print(name if quiet else f"{name}: {', '.join(f'{role} {text}' for role, text in arguments.items())}")
        if not quiet:
            print(f"    {source}")
    return 0


@app.command(short_help="The exponential families that ship.")
def families(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One family; without it, all names.")] = None,
    quiet: Quiet = False,
) -> int:
    """The exponential families that ship: support, statistics, base measure, natural domain, log-partition."""
    from eftheory.families import NAMES, describe

    if name is None:
        print("\n".join(NAMES))
        return 0
    for variant in describe(name):
        facts = {key: value for key, value in variant.as_dict().items() if value}
        print(facts.pop("notation"))
        if not quiet:
            print("\n".join(f"  {key.replace('_', ' '):<16}{_listed(value)}" for key, value in facts.items()))
    return 0


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


app.command("verify", short_help="Do the theorems hold? Runs claims and their controls.")(verify_command)
app.command("recheck", short_help="Are these certificates right? Computed anew, from them alone.")(recheck_command)
app.command("train", short_help="Train a VAE from a configuration, on a GPU when there is one.")(train_command)
app.command("project", short_help="How far from the consistent set is a trained decoder?")(project_command)
app.command("experiment", short_help="Run an experiment of a paper; needs eftheory[learn].")(experiment_command)
