"""Every code that a fault of a text can have, with what there is to say about it. All of them are errors."""

from __future__ import annotations

from detection.config.text_fault import TextCode

TEXT_CODES: tuple[TextCode, ...] = (
    TextCode(
        "MAP001",
        "an id below 1 in a label map",
        "Ids start at 1: 0 is the background, which no item but one called background may have.",
        "item { id: 0 name: 'cat' }",
        "number the items from 1, in the label map and in the data that was made with it",
    ),
    TextCode(
        "MAP002",
        "an item without an id in a label map",
        "The id is the column of the class in the model's head; without it nothing can be learnt or"
        " read back.",
        "item { name: 'cat' }",
        "add id: N",
    ),
    TextCode(
        "MAP003",
        "an item without a name in a label map",
        "The name is what the data says; an item may have a display_name alone, and that counts as its name.",
        "item { id: 1 }",
        "add name: '...'",
    ),
    TextCode(
        "MAP004",
        "an id given twice in a label map",
        "Two classes would share one column of the model's head.",
        "item { id: 1 name: 'cat' } item { id: 1 name: 'dog' }",
        "use each id once",
    ),
    TextCode(
        "MAP005",
        "a name given twice in a label map",
        "A box of that name would have two ids.",
        "item { id: 1 name: 'cat' } item { id: 2 name: 'cat' }",
        "use each name once",
    ),
    TextCode(
        "MAP006",
        "a label map without classes",
        "There is nothing to detect.",
        "item { id: 0 name: 'background' }",
        "add an item for each class",
    ),
    TextCode(
        "TXT001",
        "unknown field",
        "The Object Detection API's schema has no such field in that block, so protobuf refuses the"
        " whole file. Most often it is a slip of spelling, or a field in the wrong block.",
        "ssd { num_class: 3 }",
        "take the name that is proposed, or move the field to the block that is named",
    ),
    TextCode(
        "TXT002",
        "unknown value of a choice",
        "The field takes one of a few names, written without quotes and exactly so.",
        "activation: RELU6",
        "take one of the names that are proposed",
    ),
    TextCode(
        "TXT003",
        "a field given twice",
        "A field that holds one value stands twice in one block, or two fields of which only one "
        "may be there. It also happens when a block, an item of a label map for example, isn't "
        "closed before the next one.",
        "item { id: 1 name: 'cat' id: 2 name: 'dog' }",
        "keep one, or close the block between the two",
    ),
    TextCode(
        "TXT004",
        "curly quotes",
        "Word processors, chats and web pages turn straight quotes into typographic ones, which "
        "quote nothing here.",
        "type: “ssd_mobilenet_v2”",
        "replace them with \" or '",
    ),
    TextCode(
        "TXT005",
        "a web page or XML",
        "The page around the file was saved, or a piece of it pasted; or an annotation was given "
        "for a config.",
        "<!DOCTYPE html>",
        "download the raw file",
    ),
    TextCode(
        "TXT006",
        "a .proto schema",
        "The schema says which fields there are; what is needed here is a file with their values.",
        'syntax = "proto2";',
        "name the pipeline.config or label map",
    ),
    TextCode(
        "TXT007",
        "braces not balanced",
        "A block is never closed, or closed twice. The place is where the imbalance starts, judged "
        "by indentation and by which block the next field belongs in; it is noticed only later.",
        "model { ssd { num_classes: 3 }",
        "add or take away the brace that is named",
    ),
    TextCode(
        "TXT008",
        "a field without a value",
        "After the name there is nothing that could be its value or its block.",
        "num_classes: }",
        "write the value, or take the field away",
    ),
    TextCode(
        "TXT009",
        "a value of the wrong type",
        "The field takes another type of value: a number, a text in quotes, true or false, or a block.",
        "num_classes: '3'",
        "write the value as the message says",
    ),
    TextCode(
        "TXT010",
        "a text without quotes, or a path that breaks",
        "Texts, paths and addresses stand in straight quotes. In them a backslash starts an escape:"
        " \\t is a tab, so a Windows path turns into another one.",
        'input_path: "C:\\train.record"',
        "put quotes around it, and write / in paths",
    ),
    TextCode(
        "TXT011",
        "another kind of file",
        "It is a label map in place of a config, a config in place of a label map, or no protobuf "
        "text at all.",
        '{"classes": ["cat"]}',
        "name the right file",
    ),
    TextCode(
        "TXT012",
        "not UTF-8 text",
        "It is a binary file, such as a model, or text in another encoding, such as UTF-16 of Windows.",
        "bytes ff fe",
        "save it as UTF-8, or name the right file",
    ),
    TextCode(
        "TXT013",
        "an empty file",
        "There is nothing in it, often because a download or a copy failed.",
        "",
        "put the file there again",
    ),
    TextCode(
        "TXT014",
        "no model in a pipeline.config",
        "Without a model block nothing says what to build.",
        "train_config { batch_size: 4 }",
        "add the model block, or name the right file",
    ),
    TextCode(
        "TXT015",
        "an extension of another project",
        "A block whose name stands in [ ] belongs to another project, whose code isn't here.",
        "[lstm_object_detection.protos.lstm_model] { }",
        "take the block away; a model that needs it can't be upcycled",
    ),
    TextCode(
        "TXT016",
        "a field of another version that can't be carried over",
        "An older or newer version of the Object Detection API has or had it. Where the meaning can"
        " be kept, such fields are upgraded (OLD001 and on); here it can't.",
        "ssd { weight_regression_loss_by_score: true }",
        "do what the message says",
    ),
    TextCode(
        "TXT017",
        "a text in quotes that does not end",
        "A closing quote is missing on the line, or a quote inside the text ends it too early.",
        'type: "ssd_mobilenet_v2',
        "close the quotes; write \\' for a quote inside",
    ),
    TextCode(
        "TXT018",
        "other mistake of syntax",
        "What stands there is no field: a missing colon, a comment that doesn't start with #, a "
        "stray word or character.",
        "num_classes 3",
        "correct the line",
    ),
    TextCode(
        "TXT019",
        "a Git LFS pointer",
        "The repository was cloned without Git LFS: the file holds only the address of its content.",
        "version https://git-lfs.github.com/spec/v1",
        "run `git lfs pull`",
    ),
    TextCode(
        "TXT020",
        "a file that can't be opened",
        "There is no such file, it is a directory, or it may not be read.",
        "pipeline.confg",
        "correct the path or the rights",
    ),
)
