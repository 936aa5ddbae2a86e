"""The command line: `attestream NOUN VERB`. One file per command in attestream/commands; this file only knows their names."""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated, Any

import structlog
import typer
from typer.exceptions import TyperException

from alerts.base import AlertError
from attestream import VERSION
from attestream.commands import REGISTRY
from attestream.console import say, write
from attestream.errors import AttestreamError, Exit
from collectors.base import CollectorError
from exports.errors import ExportError
from pipeline.errors import PipelineError
from pipeline.rules.problems import RulesError
from store.errors import StoreError, VerificationError

HELP = """Continuous, tamper-evident evidence for the 93 Annex A controls of ISO/IEC 27001:2022.

Start: `attestream demo` shows everything on a simulated cloud. For real use write attestream.yaml (see README), then
`attestream doctor`, `attestream run --once`, `attestream status`.

Exit codes: 0 done; 1 failed; 2 bad usage or settings; 3 controls not satisfied (--exit-code); 4 integrity failure;
130 interrupted.
"""


def build() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(
        help=HELP, no_args_is_help=True, rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False
    )
    app.callback(invoke_without_command=True)(_root)
    nouns: dict[str, typer.Typer] = {}
    for command in REGISTRY:
        noun, _, verb = command.name.partition(" ")
        if not verb:
            app.command(noun, help=command.help)(command.run)
            continue
        if noun not in nouns:
            nouns[noun] = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
            app.add_typer(nouns[noun], name=noun, help=NOUNS[noun])
        nouns[noun].command(verb, help=command.help)(command.run)
    return app


def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        write(f"attestream {VERSION}")
        raise typer.Exit


NOUNS = {
    "control": "The 93 controls: their state and why.",
    "finding": "What one mapping says of one subject.",
    "drift": "What changed.",
    "alert": "What people on call are told.",
    "silence": "What they are not told of for a time.",
    "exception": "Deviations that are accepted for a time.",
    "attestation": "What people state where no system can speak.",
    "soa": "The Statement of Applicability.",
    "risk": "Risks of your register, and the controls that treat them.",
    "evidence": "Events as stored, and the proof that nothing was changed.",
    "mappings": "Rules that say which event speaks to which control.",
    "export": "Bundles for auditors.",
    "log": "The log that everything is committed to.",
    "dead-letter": "Bytes that could not be understood.",
    "store": "The database.",
    "source": "What is collected.",
    "stream": "What is between collectors and the store.",
}


def set_up_logging() -> None:
    """Logs go to stderr: for people on a terminal, JSON elsewhere."""
    renderer: Any = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


def invoke(words: list[str]) -> Any:
    """Run the command that `words` name. Typer's own way of running would turn some errors into exit codes of its own."""
    command = typer.main.get_command(build())
    with command.make_context("attestream", words) as context:
        return command.invoke(context)


def main() -> None:
    """Run a command; every error of ours becomes one sentence on stderr and its exit code."""
    set_up_logging()
    try:
        result = invoke(sys.argv[1:])
        sys.stdout.flush()  # here, where a reader that has gone is no error
    except typer.Exit as exit_:
        code = exit_.exit_code
    except TyperException as error:
        sys.stderr.write(f"{error.format_message()}\n")
        code = Exit.USAGE
    except (KeyboardInterrupt, typer.Abort):
        say("interrupted; nothing is half done")
        code = Exit.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = Exit.DONE
    except AttestreamError as error:
        say(f"attestream: {error}")
        code = error.exit
    except VerificationError as error:
        place = f" (first index that differs: {error.index})" if error.index is not None else ""
        say(f"attestream: integrity failure: {error}{place}")
        code = Exit.INTEGRITY
    except (StoreError, PipelineError, CollectorError, RulesError, ExportError, AlertError) as error:
        say(f"attestream: {error}")
        code = Exit.FAILED
    else:
        code = result if isinstance(result, int) else Exit.DONE
    sys.exit(int(code))
