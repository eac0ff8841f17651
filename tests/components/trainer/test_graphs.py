import pytest
import tensorflow as tf

from components.trainer.graphs import as_traced


def is_off() -> bool:
    return bool(tf.config.optimizer.get_experimental_options().get("disable_meta_optimizer", False))


def test_the_optimizer_is_off_during_the_call_alone() -> None:
    assert as_traced(lambda: is_off())()
    assert not is_off()


def test_it_is_on_again_after_an_error() -> None:
    def fail() -> None:
        raise ValueError("here")

    with pytest.raises(ValueError, match="here"):
        as_traced(fail)()
    assert not is_off()


def test_who_has_turned_it_off_finds_it_off() -> None:
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    try:
        assert as_traced(is_off)() and is_off()
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})


def test_arguments_and_result_pass() -> None:
    double = as_traced(tf.function(lambda value, factor: value * factor))
    assert float(double(tf.constant(3.0), factor=tf.constant(2.0))) == 6.0
