"""`python -m dags.embedded retrain_NAME`: one run of the real DAG in this process, without daemons.

Airflow's `dag.test()` runs the tasks in order over a SQLite database of its own: one that a scheduler
shares would run the same tasks a second time.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from dags import environment
from dags.environment import EXIT_BAD_INPUT
from dags.terminal import TerminalObserver, output_to
from pipelines.spec import add_options, given

EXIT_FAILED = 1


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    """The command line; options that are not given leave the detector file's values."""
    parser = argparse.ArgumentParser(prog="python -m dags.embedded", description=__doc__)
    parser.add_argument("dag_id", help="retrain_NAME, for the detector NAME")
    add_options(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Runs the DAG; returns 0, 1 (a task failed), 78 (bad input); 128 + signal when interrupted."""
    arguments = parse_arguments(sys.argv[1:] if argv is None else argv)
    overrides = given(vars(arguments))
    airflow_home = environment.upcycle_home() / ".airflow" / "embedded"
    environment.forget(environment.DATABASE)
    environment.apply(environment.airflow_settings(airflow_home, port=8080))
    environment.apply({"AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING"})
    if sys.stdout.isatty():
        os.environ.setdefault("FORCE_COLOR", "1")
        os.environ.setdefault("COLUMNS", str(os.get_terminal_size(sys.stdout.fileno()).columns))
    log = airflow_home / "airflow.log"
    started = time.monotonic()
    with output_to(log) as terminal:
        observer = TerminalObserver(terminal)
        _stop_on_signals(observer)
        try:
            exit_code = run(arguments.dag_id, overrides, observer)
        except Exception:
            import traceback

            traceback.print_exc()
            observer.say(f"Airflow itself failed; see {log}")
            exit_code = EXIT_FAILED
        took = time.monotonic() - started
        own = took - observer.seconds_in_nodes
        observer.say(
            f"\n{took:.1f} s, of which Airflow {own:.1f} s" + (f"; its log: {log}" if exit_code else "")
        )
    return exit_code


def run(dag_id: str, overrides: dict[str, Any], observer: TerminalObserver) -> int:
    """Runs the DAG `dag_id` with the trigger form's values `overrides`; returns the exit code."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.exceptions import ParamValidationError

    from dags import operators

    _prepare_database()
    bag = DagBag(dag_folder=str(environment.ROOT / "dags"), bundle_name="dags-folder")
    dag = bag.dags.get(dag_id)
    if dag is None:
        observer.say(f"there is no DAG {dag_id!r}")
        observer.say(f"  where: {environment.detectors_dir()}")
        observer.say(f"  fix:   take one of {', '.join(sorted(bag.dags))}")
        for file, problem in bag.import_errors.items():
            observer.say(f"{file}: {problem}")
        return EXIT_BAD_INPUT
    for name, value in overrides.items():
        try:
            dag.params[name] = value
        except ParamValidationError as error:
            field = dag.params.get_param(name)
            observer.say(f"error: {str(error).splitlines()[0]}")
            observer.say(f"  where: --{name.replace('_', '-')}")
            observer.say(f"  fix:   {field.schema['title']}: {field.description}")
            return EXIT_BAD_INPUT
    operators.observers.append(observer)
    try:
        outcome = dag.test(run_conf=overrides)
    finally:
        operators.observers.remove(observer)
    if outcome.state == "success":
        return 0
    return EXIT_BAD_INPUT if observer.bad_input else EXIT_FAILED


def _prepare_database() -> None:
    """Makes the tables on first use, or after an upgrade of Airflow; says so in a file beside them."""
    import airflow
    from airflow.utils.db import initdb

    marker = Path(os.environ["AIRFLOW_HOME"]) / "database-version"
    if marker.is_file() and marker.read_text(encoding="ascii") == airflow.__version__:
        return
    initdb()
    _add_pools()
    marker.write_text(airflow.__version__, encoding="ascii")


def _add_pools() -> None:
    """Imports pools.json, as dags.serve does through Airflow's command line."""
    import json

    from airflow.models.pool import Pool

    pools = json.loads((environment.ROOT / "dags" / "pools.json").read_text(encoding="utf-8"))
    for name, pool in pools.items():
        Pool.create_or_update_pool(name, **pool)


def _stop_on_signals(observer: TerminalObserver) -> None:
    """SIGINT, SIGTERM, SIGHUP: end the running node's process group, then this process, at once.

    A thread waits for them, because a handler could not do it: Airflow's task runner puts its own in
    place, and takes the end of the node for a failed attempt. The database is this command's own, so a
    run that stays `running` in it holds up nobody.
    """
    numbers = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)  # in every thread; ChildProcess unblocks in the child

    def wait_and_stop() -> None:
        number = signal.sigwait(numbers)
        if observer.process is not None:
            observer.process.end()
        observer.say(f"\nstopped by {signal.Signals(number).name}")
        os._exit(128 + number)

    threading.Thread(target=wait_and_stop, name="stop-on-signals", daemon=True).start()


if __name__ == "__main__":
    status = main()
    os._exit(status)  # Airflow's threads and exit handlers take seconds and have nothing left to do
