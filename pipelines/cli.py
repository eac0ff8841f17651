"""`upcycle`: the command line. Each command imports what it needs when it runs."""

from __future__ import annotations

import sys

import typer

from pipelines.capture import quiet_stderr
from pipelines.commands import airflow, architectures, convert, history, lineage, lint, report, rollback, run
from pipelines.process import exit_code_of

_HELP = """Fine-tune TensorFlow 1 object detectors in TensorFlow 2, with proof.

Exit codes: 0 done, 1 failed, 2 wrong usage, 78 input that can't be used.

Example: upcycle run detectors/demo.yaml
"""

app = typer.Typer(
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("lint")(lint.lint)
app.command("convert")(convert.convert)
app.command("architectures")(architectures.architectures)
app.command("run")(run.run)
app.command("lineage")(lineage.lineage)
app.command("report")(report.report)
app.command("rollback")(rollback.rollback)
app.command("history")(history.history)
app.command("airflow")(airflow.airflow)


def main() -> None:
    """Run a command; errors of people end in three lines, defects in a traceback."""
    try:
        with quiet_stderr():
            app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        sys.exit(exit_code_of(error))


if __name__ == "__main__":
    main()
