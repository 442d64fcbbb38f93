"""The `eftheory` command; also `python -m eftheory`. Kept light, so that an interrupt is caught from the first line."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line on `argv` (default: the process's own) and return the exit code."""
    try:
        from eftheory.cli import run

        return run(argv)
    except KeyboardInterrupt:
        print("eftheory: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
