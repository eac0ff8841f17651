from dataclasses import replace

import tensorflow as tf

from detection.backbones.resnet_units import Bottleneck, Subsample, resnet_v1_block
from detection.backbones.resnet_v1 import SLIM_HYPERPARAMS


def test_a_unit_ends_in_a_plain_relu() -> None:
    bounded = replace(SLIM_HYPERPARAMS, activation=tf.nn.relu6)
    unit = Bottleneck(8, 2, stride=1, rate=1, hyperparams=bounded)
    assert float(tf.reduce_max(unit(tf.fill([1, 4, 4, 8], 100.0)))) > 90
    assert float(tf.reduce_min(unit(tf.fill([1, 4, 4, 8], -100.0)))) == 0


def test_a_block_alone_keeps_the_size() -> None:
    block = resnet_v1_block("block4", 3, input_depth=8, bottleneck_depth=4, hyperparams=SLIM_HYPERPARAMS)
    assert block(tf.zeros([2, 7, 7, 8])).shape == (2, 7, 7, 16)


def test_subsampling_keeps_the_first_of_each_pair() -> None:
    rows = Subsample(2)(tf.reshape(tf.range(5.0), [1, 1, 5, 1]))
    assert rows[0, 0, :, 0].numpy().tolist() == [0, 2, 4]
