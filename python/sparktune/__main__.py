"""``python -m sparktune journal PATH``: shows the journal of a search."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sparktune._journal.journal import Journal
from sparktune._journal.page import events_of, salvaged, state_of
from sparktune.exceptions import SparktuneError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.
    """
    given = _parser().parse_args(arguments)
    try:
        journal = Journal(given.path)
        if given.salvage:
            print(salvaged(journal, Journal(given.salvage)))
        elif given.follow:
            for line in events_of(journal):
                print(line, flush=True)
        else:
            print(state_of(journal))
    except (SparktuneError, ImportError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sparktune")
    commands = parser.add_subparsers(required=True, metavar="journal")
    journal = commands.add_parser("journal", help="show the journal of a search")
    journal.add_argument("path", help="what fmin got as `journal`")
    journal.add_argument("--follow", action="store_true", help="show events as they happen")
    journal.add_argument(
        "--salvage", metavar="NEW", help="write what can be read into a new journal"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
