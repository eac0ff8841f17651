"""The small training of the Trainer's own tests, to be killed."""

from tests.components.trainer.conftest import training as training
