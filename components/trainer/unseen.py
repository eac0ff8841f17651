"""Says which classes the training can only forget."""

from __future__ import annotations

from components.trainer.job import TrainingJob
from components.trainer.rates import what_was_restored

_NAMED = 5


def note_unseen_classes(job: TrainingJob) -> None:
    """Prints the classes that the TF1 model knew and no training image shows, if nothing keeps them."""
    known = what_was_restored(job.conversion, job.train_objects)
    if known.head is None or job.options.keep_old_classes:
        return
    unseen = [row.name for row in known.head.rows if row.source_id is not None and row.id not in known.shown]
    if unseen:
        more = f" and {len(unseen) - _NAMED} more" if len(unseen) > _NAMED else ""
        print(
            f"no training image shows {', '.join(unseen[:_NAMED])}{more}, which the TF1 model knew: "
            "it may forget them, and train.keep_old_classes: 1 holds on to them",
            flush=True,
        )
