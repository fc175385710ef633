"""The command line: ``demo``, ``train``, ``predict``, ``step``, ``play``, ``course``.

``python -m tinygrad_mlp`` runs them. Here words become a command, and what went wrong an exit code.

Exit codes: 0 when all went well; 1 where a command failed that ``step`` read from a file or a pipe,
or a chapter that ``course`` ran; 2 for input that cannot be used, with one line on standard error
that says what is wrong; 130 after Ctrl-C outside of a training (within one it ends the training).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from tinygrad_mlp._cli.options import make_parser
from tinygrad_mlp._cli.parsing import reason_of, say
from tinygrad_mlp.errors import TinygradMLPError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after the program's name; None for those of this process.

    Returns:
        The exit code.
    """
    try:
        arguments = make_parser().parse_args(argv)
        arguments.run(arguments)
        sys.stdout.flush()
    except SystemExit as exit_of_parser:  # --help, --version, or words that it does not know
        return exit_of_parser.code if isinstance(exit_of_parser.code, int) else 2
    except BrokenPipeError:  # whoever read the output has seen enough, as ``| head`` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (TinygradMLPError, OSError) as error:
        say(f"error: {reason_of(error)}", to_stderr=True)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0
