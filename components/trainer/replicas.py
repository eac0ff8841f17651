"""What the replicas of a training step do together: add up, and update all or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import keras
import tensorflow as tf

Values = TypeVar("Values")


def summed(values: Values) -> Values:
    """Tensors of this replica, or None, added to those of the others; as they are where it is alone."""
    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        return values
    flat = tf.nest.flatten(values)
    present = [value for value in flat if value is not None]
    sums = iter(replica.all_reduce(tf.distribute.ReduceOp.SUM, present))
    return tf.nest.pack_sequence_as(values, [None if value is None else next(sums) for value in flat])


def apply_sums(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[tf.Tensor | None],
    variables: Sequence[keras.Variable],
) -> None:
    """Updates a replica's variables by gradients that are summed over the replicas already.

    Keras would add them up once more.
    """
    optimizer._all_reduce_sum_gradients = list
    optimizer.apply(gradients, variables)


def update_if(
    condition: tf.Tensor,
    gradients: Sequence[tf.Tensor | None],
    apply: Callable[[Any], None],
    after: Callable[[], None],
) -> None:
    """Updates all replicas if `condition` holds; call it in a replica.

    Args:
      condition: bool scalar, the same on every replica.
      gradients: the same on every replica.
      apply: updates a replica by gradients.
      after: called then, once for all replicas: what it assigns to a variable, all copies get.
    """

    # An update of all replicas can't be in a replica's own branch: the branch has to be around them.
    def together(strategy: tf.distribute.Strategy, conditions: Any, every_gradients: Any) -> None:
        def update() -> tf.Tensor:
            strategy.extended.call_for_each_replica(apply, args=(every_gradients,))
            after()
            return tf.constant(True)

        tf.cond(strategy.experimental_local_results(conditions)[0], update, lambda: tf.constant(False))

    tf.distribute.get_replica_context().merge_call(together, args=(condition, list(gradients)))
