"""Rules about the batches of a training: do they suit the machine and the data?"""

from __future__ import annotations

from collections.abc import Iterator

from components.config_validator.subject import Problem, Rule, Subject

_LARGE_BATCH = 64
_MANY_EPOCHS = 500


def batch_size_is_usable(subject: Subject) -> Iterator[Problem]:
    """A batch must fit one machine, and give the gradient some company."""
    batch, field = subject.training.batch_size, "train_config.batch_size"
    if batch < 1:
        yield Problem("error", f"batch_size is {batch}", field, "a step needs a picture", "batch_size: 8")
    elif batch > _LARGE_BATCH:
        yield Problem(
            "warning",
            f"batch_size is {batch}",
            field,
            "a recipe for many accelerators: on one machine it may not fit the memory",
            "batch_size: 8 to 32, with the learning rate divided by as much",
        )


def batches_suit_the_data(subject: Subject) -> Iterator[Problem]:
    """Each picture should be seen some times, and not so often that it is learned by heart."""
    if subject.data is None:
        return
    batch, steps = subject.training.batch_size, subject.training.num_steps
    known = subject.data.images_train
    images = subject.data.images if known is None else known  # without a split at most these
    if images < 1 or batch < 1:
        return
    if batch > images:
        yield Problem(
            "warning",
            f"batch_size is {batch}, but there are {images} pictures",
            "train_config.batch_size",
            "each step would see some of them twice",
            f"batch_size: {max(1, images // 4)}",
        )
    elif known is not None and 0 < steps * batch < images:
        yield Problem(
            "warning",
            f"{steps} steps of {batch} pictures see {steps * batch} of {images}",
            "train_config.num_steps",
            "the others are never trained on",
            f"num_steps: {-(-images // batch)} or more, or train.steps of the detector's YAML",
        )
    elif steps * batch > _MANY_EPOCHS * images:
        yield Problem(
            "info",
            f"{steps} steps of {batch} see each of {images} pictures {steps * batch // images} times",
            "train_config.num_steps",
            "so few pictures seen so often are learned by heart",
            f"num_steps: {max(1, 100 * images // batch)}, or train.steps of the detector's YAML",
        )


RULES = (
    Rule(
        "CFG011",
        "batch size",
        batch_size_is_usable,
        ("error", "warning"),
        "batch_size: 512",
        "Take 8 to 32 pictures a step, and divide the learning rate by as much as the batch.",
    ),
    Rule(
        "CFG053",
        "batch size and steps against the data",
        batches_suit_the_data,
        ("warning", "info"),
        "batch_size: 64  # with 40 pictures",
        "Choose batch size and steps so that each picture is seen some ten to some hundred times.",
    ),
)
