"""A parse error says where it is, what caused it and what to change."""

from __future__ import annotations

import pytest

from detection.config import protos
from detection.config.pipeline_config import KIND, parse_pipeline_config
from detection.config.text_fault import TextFault
from detection.config.text_proto import parse_text

CONFIG = """model {
  ssd {
    num_classes: 3
    box_coder {
      faster_rcnn_box_coder {
        y_scale: 10.0
      }
    }
    feature_extractor {
      type: "ssd_mobilenet_v2"
      conv_hyperparams { activation: RELU_6 }
    }
  }
}
train_config {
  batch_size: 24
  fine_tune_checkpoint: "a/model.ckpt"
  optimizer { use_moving_average: false }
}
eval_config {
  num_examples: 8000
}
"""

# what is written in place of what, code, line:column, part of the message, part of the fix
CASES = [
    # unknown fields
    ("num_classes: 3", "num_class: 3", "TXT001", "3:5", "unknown field 'num_class' in ssd", "num_classes?"),
    ("batch_size: 24", "Batch_Size: 24", "TXT001", "16:3", "in train_config", "batch_size"),
    (
        "batch_size: 24",
        "num_classes: 3",
        "TXT001",
        "16:3",
        "'num_classes'",
        "belongs in model.faster_rcnn or",
    ),
    ("batch_size: 24", "eval_config { }", "TXT001", "16:3", "belongs at the top level", "opened on line 15"),
    ("eval_config", "score: 1 eval_config", "TXT001", "20:1", "unknown field 'score' at the top level", ""),
    ("\n  }\n}", "\n  }\n  num_classes: 3\n}", "TXT001", "14:3", "belongs in model.ssd", "ends on line 13"),
    ("batch_size: 24", "zzz: 24", "TXT001", "16:3", "unknown field 'zzz'", "known there: add_reg"),
    # enums
    ("RELU_6", "RELU6", "TXT002", "11:38", "activation can't be 'RELU6'", "RELU_6 or RELU"),
    ("RELU_6", "relu_6", "TXT002", "11:38", "'relu_6'", "RELU_6"),
    ("RELU_6", "LEAKY", "TXT002", "11:38", "'LEAKY'", "choose NONE or RELU"),
    ("RELU_6", "99", "TXT002", "11:38", "'99'", "choose"),
    ("RELU_6", '"RELU_6"', "TXT009", "11:38", "not a text", "RELU_6 without quotes"),
    # given twice
    (
        "batch_size: 24",
        "batch_size: 24 batch_size: 8",
        "TXT003",
        "16:18",
        "given twice in one train",
        "keep one",
    ),
    (
        "model {",
        "model { faster_rcnn { } ",
        "TXT003",
        "2:3",
        "'ssd' can't stand beside 'faster_rcnn'",
        "keep",
    ),
    (
        "eval_config",
        "model { } eval_config",
        "TXT003",
        "20:1",
        "'model' is given twice in one pipeline",
        "keep",
    ),
    # quotes
    ('"ssd_mobilenet_v2"', "\u201cssd_mobilenet_v2\u201d", "TXT004", "10:13", "curly quotes", "straight"),
    ('"ssd_mobilenet_v2"', "`ssd_mobilenet_v2`", "TXT004", "10:13", "curly quotes", "straight"),
    ("num_classes: 3", "\u201cnum_classes\u201d: 3", "TXT004", "3:5", "curly quotes", "straight"),
    ('"ssd_mobilenet_v2"', '"ssd_mobilenet_v2', "TXT017", "10:13", "does not end", "close the quotes"),
    ('"ssd_mobilenet_v2"', "'Ann's'", "TXT017", "10:17", "ends at a ' inside", "\\'"),
    ('"ssd_mobilenet_v2"', "ssd_mobilenet_v2", "TXT010", "10:13", "stands in quotes", '"ssd_mobilenet_v2"'),
    ("num_classes: 3", '"num_classes": 3', "TXT018", "3:5", "no quotes", "num_classes:"),
    # web pages and addresses
    ("num_classes: 3", '<td class="code">3</td>', "TXT005", "3:5", "a piece of a web page", "raw file"),
    ("num_classes: 3", "num_classes: <b>3</b>", "TXT005", "3:18", "a piece of a web page", "raw file"),
    ("num_classes: 3", "num_classes&nbsp;: 3", "TXT018", "3:16", "no : after num_classes", "num_classes"),
    ("num_classes: 3", "https://a.org/b num_classes: 3", "TXT010", "3:5", "without quotes", "quotes"),
    ("num_classes: 3", "D:\\models", "TXT010", "3:5", "without quotes", "quotes"),
    ('"a/model.ckpt"', "a/model.ckpt", "TXT010", "17:25", "a path or address", '"a/model.ckpt"'),
    ('"a/model.ckpt"', "gs://a/model.ckpt", "TXT010", "17:25", "a path or address", '"gs://a/model.ckpt"'),
    ('"a/model.ckpt"', "D:\\a\\model.ckpt", "TXT010", "17:25", "a path or", '"D:/a/model.ckpt"'),
    ('"a/model.ckpt"', '"D:\\train"', "TXT010", "17:25", "\\t is an escape", "/ instead"),
    ('"a/model.ckpt"', '"C:\\Users\\a"', "TXT010", "17:25", "\\U is an escape", "/ instead"),
    ('"a/model.ckpt"', '"\\\\server\\new"', "TXT010", "17:25", "\\n is an escape", "/ instead"),
    ('"a/model.ckpt"', '"D:\\a\\"', "TXT010", "17:25", "\\a is an escape", "/ instead"),
    # braces
    ("eval_config {", "eval_config { } }", "TXT007", "20:17", "a } too many", "take this } away"),
    ("}\neval", "\neval", "TXT007", "15:1", "train_config is opened here and never closed", "before line 20"),
    (
        "        y_scale: 10.0\n      }\n",
        "        y_scale: 10.0\n",
        "TXT007",
        "5:7",
        "never closed",
        "line 7",
    ),
    ("y_scale: 10.0\n", "y_scale: 10.0\n        }\n", "TXT007", "7:9", "a } too many", "take"),
    ("num_examples: 8000\n}\n", "num_examples: 8000\n", "TXT007", "20:1", "eval_config", "at the end"),
    ("box_coder {", "box_coder <", "TXT007", "8:5", "ends with } but starts with <", "{ and }"),
    ("box_coder {", "box_coder", "TXT007", "4:5", "has no {", "box_coder { ... }"),
    # values
    ("num_classes: 3", "num_classes:", "TXT008", "3:5", "num_classes has no value", "num_classes:"),
    ('type: "ssd_mobilenet_v2"', "type:", "TXT008", "10:7", "type has no value", "type:"),
    ("num_classes: 3", "num_classes", "TXT018", "3:16", "no : after num_classes", "num_classes:"),
    ("box_coder {", "matcher box_coder {", "TXT008", "4:5", "matcher is a block", "matcher { ... }"),
    ("num_examples: 8000", "num_examples:", "TXT008", "21:3", "has no value", "num_examples:"),
    ("num_classes: 3", "num_classes: '3'", "TXT009", "3:18", "takes a whole number, not a text", "3 without"),
    ("num_classes: 3", "num_classes: three", "TXT009", "3:18", "not 'three'", "a whole number"),
    ("num_classes: 3", "num_classes: 3.0", "TXT009", "3:18", "not '3.0'", "write 3"),
    ("num_classes: 3", "num_classes: 1e2", "TXT009", "3:18", "not '1e2'", "write 100"),
    ("num_classes: 3", "num_classes: inf", "TXT009", "3:18", "not 'inf'", "a whole number"),
    ("num_classes: 3", "num_classes { }", "TXT009", "3:16", "not a block", "num_classes: value"),
    ("num_classes: 3", "num_classes: { }", "TXT009", "3:18", "not a block", "num_classes: value"),
    ("num_classes: 3", "num_classes: [3]", "TXT009", "3:18", "one value, not a list", "[ ] away"),
    ("num_classes: 3", f"num_classes: {'9' * 5000}", "TXT009", "3:18", "can't be 999", "from -2147483648"),
    ("batch_size: 24", "batch_size: -1", "TXT009", "16:15", "can't be -1", "from 0 to"),
    ("average: false", "average: no", "TXT009", "18:35", "true or false, not no", "write false"),
    ("average: false", "average: TRUE", "TXT009", "18:35", "true or false, not TRUE", "write true"),
    ("average: false", "average: 2", "TXT009", "18:35", "true or false, not '2'", "true or false"),
    ("y_scale: 10.0", "y_scale: 10,5", "TXT009", "6:21", "a comma inside a number: 10,5", "decimal point"),
    ("y_scale: 10.0", "y_scale: 10px", "TXT009", "6:18", "not '10px'", "a number"),
    ("y_scale: 10.0", "y_scale: 010", "TXT009", "6:18", "not '010'", "a number"),
    ('"ssd_mobilenet_v2"', "2", "TXT009", "10:13", "takes a text, not a number", 'type: "2"'),
    ("box_coder {", "matcher: 3 box_coder {", "TXT009", "4:14", "a block, not a value", "matcher { ... }"),
    # other projects, other versions
    ("batch_size: 24", "[a.b.model] { x: 1 }", "TXT015", "16:3", "another project (a.b.model)", "take"),
    # other mistakes
    ("num_classes: 3", "num_classes = 3", "TXT018", "3:16", "= in place of :", "num_classes: 3"),
    ("num_classes: 3", "num_classes\uff1a 3", "TXT018", "3:16", "in place of :", "num_classes: 3"),
    ("num_classes: 3", "// num_classes: 3", "TXT018", "3:5", "a comment starts with #", "#"),
    ("num_classes: 3", "num_classes: 3 classes", "TXT018", "3:20", "stray text 'classes' in ssd", "comment"),
    ("model {\n", "model {\n<<<<<<< HEAD\n", "TXT018", "2:1", "merge conflict", "keep one side"),
    ("num_classes: 3", "\u200bnum_classes: 3", "TXT018", "3:5", "U+200B", "take it away"),
    ("box_coder {", "{", "TXT018", "4:5", "a block without a name", "name before the {"),
    ("num_classes: 3", "num_classes: 3,,", "TXT018", "3:20", "',' where a field's name", "3,,"),
    ("batch_size: 24", "freeze_variables: ['a'", "TXT018", "16:21", "a list is not closed", "]"),
]


@pytest.mark.parametrize(
    ("old", "new", "code", "place", "what", "fix"), CASES, ids=[case[1][:30] for case in CASES]
)
def test_fault(old: str, new: str, code: str, place: str, what: str, fix: str) -> None:
    assert CONFIG.count(old)
    with pytest.raises(TextFault) as caught:
        parse_pipeline_config(CONFIG.replace(old, new, 1), "my.config")
    fault = caught.value
    assert (fault.code, fault.where) == (code, f"my.config:{place}")
    assert what in fault.what
    assert fault.what.startswith(f"{code} pipeline.config: ")
    assert fix in fault.fix
    assert "object_detection" not in str(fault)


def test_the_config_itself_is_right() -> None:
    assert parse_pipeline_config(CONFIG, "a").train_config.batch_size == 24


@pytest.mark.parametrize(
    "written",
    [
        "'Ann\u2019s'",  # a typographic quote inside straight ones is text
        '"D:\\\\train\\\\model.ckpt"',  # doubled backslashes
        '"D:\\data\\model.ckpt"',  # no letter here is an escape: the path is as it stands
        '"D:/train"',
        '"a" "b"',
        "'https://a.org/b'",
        "'<b>'",
    ],
)
def test_no_fault(written: str) -> None:
    text = CONFIG.replace('"a/model.ckpt"', written)
    assert parse_pipeline_config(text, "a").train_config.fine_tune_checkpoint


@pytest.mark.parametrize("end", ["\r\n", "\n\n", "  # a comment\n"])
def test_line_ends_are_free(end: str) -> None:
    assert parse_pipeline_config(CONFIG.replace("\n", end), "a") == parse_pipeline_config(CONFIG, "a")


def test_a_long_text_has_protobuf_s_own_words() -> None:
    text = CONFIG.replace("num_classes: 3", "num_class: 3") + "#" * (1 << 20)
    with pytest.raises(TextFault, match="num_class") as caught:
        parse_text(text, protos.TrainEvalPipelineConfig(), "a", KIND)
    assert (caught.value.code, caught.value.where) == ("TXT018", "a:3:5")
