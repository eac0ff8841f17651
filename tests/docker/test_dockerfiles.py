"""What the Dockerfiles promise, as far as it can be checked without an engine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from dockerfile import Image, instructions, read_dockerfile
from problem import Problem

ROOT = Path(__file__).resolve().parents[2]
FILES = {name: ROOT / "docker" / f"Dockerfile.{name}" for name in ("ml", "airflow")}
FINAL = [("ml", "ml"), ("airflow", "airflow"), ("airflow", "airflow-ml")]


def image(file: str, stage: str) -> Image:
    return read_dockerfile(FILES[file]).images[stage]


def test_hadolint_finds_nothing(hadolint: str) -> None:
    done = subprocess.run([hadolint, *map(str, FILES.values())], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", FILES)
def test_every_base_image_is_an_argument_with_a_tag(name: str) -> None:
    dockerfile = read_dockerfile(FILES[name])
    used = set()
    for base in dockerfile.bases.values():
        if base not in dockerfile.images:
            argument = re.fullmatch(r"\$\{(\w+_IMAGE)\}", base)
            assert argument, f"FROM {base} can't be replaced by a digest"
            used.add(argument[1])
    assert used == {argument for argument in dockerfile.arguments if argument.endswith("_IMAGE")}
    for value in dockerfile.arguments.values():
        assert re.fullmatch(r"[\w./-]+:[\w.-]+", value), f"{value} has no tag"
        assert value.endswith(":latest") == value.startswith("upcycle-"), "latest is for our own images only"


def test_both_dockerfiles_build_on_the_same_images() -> None:
    ml, airflow = (read_dockerfile(path).arguments for path in FILES.values())
    assert {name: ml[name] for name in ("PYTHON_IMAGE", "UV_IMAGE")}.items() <= airflow.items()
    assert ml["BUILD_IMAGE"] == ml["PYTHON_IMAGE"].replace("-slim", "")
    uv = re.search(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert uv and ml["UV_IMAGE"].endswith(f":{uv[1]}")


@pytest.mark.parametrize(("file", "stage"), FINAL)
def test_labels_user_and_entry_point(file: str, stage: str) -> None:
    made = image(file, stage)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    labels = {name.removeprefix("org.opencontainers.image."): text for name, text in made.labels.items()}
    assert set(labels) == {"title", "description", "licenses", "source", "version", "revision"}
    assert labels["version"] == project["version"]
    assert labels["licenses"] == project["license"]["text"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", made.user)
    assert made.entrypoint == ["upcycle-entrypoint"]
    assert made.copied["/usr/local/bin/upcycle-entrypoint"] == "docker/entrypoint.sh"
    module = made.command[made.command.index("-m") + 1]
    assert (ROOT / f"{module.replace('.', '/')}.py").is_file()


@pytest.mark.parametrize(("file", "stage"), FINAL)
def test_final_images_have_nothing_that_installs_or_compiles(file: str, stage: str) -> None:
    made = image(file, stage)
    dockerfile = read_dockerfile(FILES[file])
    chain = [stage]
    while chain[-1] in dockerfile.bases:
        chain.append(dockerfile.bases[chain[-1]])
    assert chain[-1] == "${PYTHON_IMAGE}" and "-slim-" in dockerfile.arguments["PYTHON_IMAGE"]
    runs = [line for name in chain[:-1] for line in dockerfile.images[name].run]
    assert any("rm -rf" in line and "/usr/local/bin/pip*" in line for line in runs)
    assert not any(re.search(r"\b(apt-get|uv|pip3? install|curl|wget|gcc)\b", line) for line in runs)
    assert not any("uv" in Path(target).name for target in made.copied)


@pytest.mark.parametrize("name", FILES)
def test_environments_come_from_locks_by_hash(name: str) -> None:
    installs = [line for line in image(name, "environment").run if "uv pip sync" in line]
    assert len(installs) == 1
    assert "--require-hashes" in installs[0] and "--compile-bytecode" in installs[0]
    lock = image(name, "environment").copied["/tmp/requirements.lock"]
    assert lock in ("${LOCK}", "dags/requirements.lock")
    stage = [rest for keyword, rest in instructions(FILES[name].read_text()) if keyword == "ARG"]
    assert ("LOCK=requirements.lock" in stage) == (lock == "${LOCK}")


def requirements(lock: Path) -> dict[str, str]:
    """The pinned versions of a lock file, by name and marker; each has hashes, none an address."""
    text = lock.read_text(encoding="utf-8")
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text), f"{lock.name} has an address"
    pinned = {}
    for block in re.split(r"\n(?=[a-zA-Z0-9])", text):
        match = re.match(r"([\w.-]+(?:\[[\w,-]+\])?)==([^\s;]+)([^\\\n]*)", block)
        if match:
            assert "--hash=sha256:" in block, f"{match[1]} in {lock.name} has no hash"
            pinned[match[1] + match[3].strip()] = match[2]
    assert len(pinned) > 100
    return pinned


def test_the_cuda_lock_is_the_other_lock_and_nvidias_libraries() -> None:
    cpu, cuda = (requirements(ROOT / f"requirements{kind}.lock") for kind in ("", "-cuda"))
    added = {name.partition(";")[0].strip() for name in cuda.keys() - cpu.keys()}
    assert cpu.items() <= cuda.items(), "make lock makes them equal"
    assert added and all(name.startswith("nvidia-") for name in added)
    assert {"nvidia-cudnn-cu12", "nvidia-cuda-nvcc-cu12", "nvidia-cublas-cu12"} <= added


def test_the_airflow_lock_has_hashes_and_no_address() -> None:
    assert any(
        name.startswith("apache-airflow") for name in requirements(ROOT / "dags" / "requirements.lock")
    )


def test_a_builder_gets_what_is_copied_and_nothing_else() -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = [rule[1:] for rule in rules if rule.startswith("!")]
    assert rules.index("*") < min(rules.index(f"!{rule}") for rule in allowed)
    copied = {"requirements.lock"}
    for file in FILES.values():
        for made in read_dockerfile(file).images.values():
            copied |= {source for source in made.copied.values() if source != "${LOCK}"}
    for source in copied:
        assert (ROOT / source).exists()
        assert [r for r in allowed if Path(source).match(r) or source.startswith(f"{r}/")], source
    assert not any(rule.startswith(("tests", "runs", "docker/.env", ".git")) for rule in allowed)


def application(made: Image, folder: Path) -> Path:
    """/app of an image, as links to the folders that its Dockerfile copies."""
    folder.mkdir(exist_ok=True)
    for path, source in made.copied.items():
        if path.startswith("/app/"):
            (folder / path.removeprefix("/app/")).symlink_to(ROOT / source)
    return folder


def test_the_ml_image_has_all_modules_of_a_node(tmp_path: Path) -> None:
    made = image("ml", "ml")
    done = subprocess.run(
        [ROOT / ".venv/bin/python", *made.command[1:]],
        cwd=application(made, tmp_path),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "--plan" in done.stdout, done.stderr


def test_the_airflow_image_has_all_modules_of_the_dags(tmp_path: Path) -> None:
    app = application(image("airflow", "airflow"), tmp_path / "app")
    code = """
import json, sys
from pathlib import Path
from dags import environment
import dags.serve
environment.apply(environment.airflow_settings(Path(sys.argv[1]), 8080))
from airflow.utils.db import initdb
initdb()
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(dag_folder="dags", bundle_name="dags-folder")
print("RESULT", json.dumps([sorted(bag.dags), bag.import_errors]))
"""
    done = subprocess.run(
        [ROOT / ".venv-airflow/bin/python", "-c", code, str(tmp_path / "airflow")],
        cwd=app,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(app), "UPCYCLE_HOME": str(tmp_path / "runs")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    dags, errors = json.loads(done.stdout.rpartition("RESULT ")[2])
    assert errors == {}
    assert {f"retrain_{path.stem}" for path in (ROOT / "detectors").glob("*.yaml")} <= set(dags)


def test_a_stage_takes_over_its_bases_settings(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text(
        "ARG A_IMAGE=a:1\nFROM ${A_IMAGE} AS one\nARG V=2\n# a comment\nWORKDIR /app\nCOPY src src\n"
        'ENV P=/x:$PATH \\\n    V=$V\nUSER 7:7\nENTRYPOINT ["e"]\nCMD ["c"]\n'
        'FROM one AS two\nENV Q=$P\nCOPY --from=one /app /b\nHEALTHCHECK --interval=1s CMD ["h"]\n'
    )
    read = read_dockerfile(file)
    two = read.images["two"]
    assert (read.arguments, read.bases) == ({"A_IMAGE": "a:1"}, {"one": "${A_IMAGE}", "two": "one"})
    assert two.environment == {"P": "/x:$PATH", "V": "2", "Q": "/x:$PATH"}
    assert (two.user, two.entrypoint, two.command, two.healthcheck) == ("7:7", ["e"], ["c"], ["h"])
    assert two.copied == {"/app/src": "src", "/b/src": "src"}
    assert read.images["one"].healthcheck is None


@pytest.mark.parametrize("text", ["FROM a:1", "RUN x", "FROM a:1 AS b\nCOPY x y z"])
def test_a_dockerfile_that_cant_be_followed_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "Dockerfile").write_text(text)
    with pytest.raises(Problem, match="fix: "):
        read_dockerfile(tmp_path / "Dockerfile")
