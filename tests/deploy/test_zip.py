"""The zip of the function: the same octets each time, small, and able to judge a mail with nothing beside it but boto3."""

from __future__ import annotations

import ast
import os
import re
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "deploy" / "aws"))
import build_zip

BUILDS = os.environ.get("LAMBDA_ZIP_TESTS") == "1"
OWN_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
LIMIT = 40_000_000
JUDGE = """
import sys
sys.path[:0] = sys.argv[1:]
from pathlib import Path
import inbox
box = inbox.Inbox(Path(sys.argv[1]) / "rules.yaml")
mail = inbox.Mail.of(b"From: a@b.test\\r\\nTo: x@example.com\\r\\nSubject: hello\\r\\n\\r\\nhello\\r\\n", inbox.Envelope("a@b.test", ("x@example.com",)))
assert [step.handler for step in box.judge(mail).steps] == ["store"]
from flanker.addresslib import address
assert address.parse('"a, b" <x@y.test>').address == "x@y.test"
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
assert AESGCM(bytes(32)).decrypt(bytes(12), AESGCM(bytes(32)).encrypt(bytes(12), b"octets", None), None) == b"octets"
import chardet, nh3, re2, regex, yaml
assert yaml.__with_libyaml__
import boto3
print(inbox.__file__, boto3.__file__)
"""


def test_what_is_left_out_is_imported_only_by_rooms_that_are_left_out_or_never_entered():
    modules = {"aiosmtpd": "aiosmtpd", "sqlite-utils": "sqlite_utils", "click": "click"}
    assert set(modules) == set(build_zip.LEFT_OUT)
    source = ROOT / "src" / "inbox"
    folder_store = {"store/rows.py", "store/schema.py"}  # SQLite in a folder: `store` is dynamodb://
    for path in source.rglob("*.py"):
        place = path.relative_to(source).as_posix()
        if place in folder_store or place.startswith(build_zip.ROOMS_LEFT_OUT):
            continue
        assert imported(path) & set(modules.values()) == set(), place


def imported(path: Path) -> set[str]:
    """Top-level modules that a file imports when it runs; what only type checkers read does not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    checked = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    nodes = [node for node in ast.walk(tree) if id(node) not in checked]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in names}


def test_dependencies_are_those_of_the_project_without_what_is_left_out():
    names = {build_zip.name_of(line) for line in build_zip.requirements()}
    assert {"pydantic", "pluggy", "flanker", "google-re2"} <= names
    assert names & {*build_zip.LEFT_OUT, "boto3"} == set()


@pytest.mark.parametrize(
    ("line", "python", "kept"),
    [
        ("pluggy>=1.5", "3.13", ["pluggy>=1.5"]),
        ("standard-imghdr; python_version >= '3.13'", "3.13", ["standard-imghdr"]),
        ("standard-imghdr; python_version >= '3.13'", "3.12", []),
    ],
)
def test_markers_are_judged_by_the_python_of_the_function(line, python, kept):
    assert build_zip.in_python([line], python) == kept


def test_a_marker_that_is_not_understood_stops_the_build():
    with pytest.raises(SystemExit, match="sys_platform"):
        build_zip.in_python(["uvloop; sys_platform == 'linux'"], "3.13")


def folder_of(tmp_path: Path, names: list[str], time: int) -> Path:
    folder = tmp_path / f"task-{time}"
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"# {name}\n")
        os.utime(folder / name, (time, time))
        (folder / name).chmod(0o600 if time % 2 else 0o644)
    return folder


def test_the_same_files_give_the_same_octets_whenever_and_in_whatever_order_they_were_written(tmp_path):
    names = ["inbox/__init__.py", "inbox/a.py", "z-1.dist-info/METADATA", "plugins/b.py"]
    first, second = folder_of(tmp_path, names, 1_700_000_000), folder_of(tmp_path, names[::-1], 1_500_000_001)
    zips = []
    for folder in (first, second):
        build_zip.compile_warm(folder)
        build_zip.write(folder, zipped := tmp_path / f"{folder.name}.zip")
        zips.append(zipped.read_bytes())
    assert zips[0] == zips[1]
    entries = zipfile.ZipFile(tmp_path / f"{first.name}.zip").namelist()
    assert entries == sorted(entries)
    assert any(entry.endswith(".pyc") for entry in entries)


def test_noise_goes_and_metadata_stays(tmp_path):
    kept = ["a/x.py", "a/data.txt", "a-1.dist-info/METADATA", "a-1.dist-info/entry_points.txt"]
    noise = [
        "a/__pycache__/x.pyc",
        "a/tests/t.py",
        "a/x.pyi",
        "a/py.typed",
        "a-1.dist-info/RECORD",
        "a-1.dist-info/licenses/LICENSE",
        "bin/a",
    ]
    folder = folder_of(tmp_path, kept + noise, 1_700_000_000)
    build_zip.prune(folder)
    assert [path.relative_to(folder).as_posix() for path in build_zip.files(folder)] == sorted(kept)


def test_a_library_loses_what_no_loader_reads_and_still_loads(tmp_path):
    import _struct  # any small library that stands in a file of its own

    import yaml

    library = Path(getattr(_struct, "__file__", "") or next(Path(yaml.__file__).parent.glob("_yaml*.so")))
    stripped = tmp_path / library.name
    stripped.write_bytes(library.read_bytes())
    build_zip.strip(stripped)
    assert struct.unpack_from("<HH", stripped.read_bytes(), 60) == (0, 0)
    assert stripped.stat().st_size <= library.stat().st_size
    done = subprocess.run([sys.executable, "-c", f"import ctypes; ctypes.PyDLL({str(stripped)!r})"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_is_no_library_stops_the_build(tmp_path):
    text = tmp_path / "x.so"
    text.write_text("INPUT(libx.so)")
    with pytest.raises(SystemExit, match=r"x\.so is no library"):
        build_zip.strip(text)


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> list[Path]:
    if not BUILDS:
        pytest.skip("it fetches packages: make test-zip")
    machine = "arm64" if os.uname().machine == "aarch64" else "x86_64"
    zips = [tmp_path_factory.mktemp("zip") / "lambda.zip" for _ in range(2)]
    said = []
    for path in zips:
        options = ["--python", OWN_PYTHON, "--arch", machine, "--rules", ROOT / "deploy/aws/rules.yaml", "--output", path]
        if said:
            options += ["--constraint", zips[0].with_suffix(".txt")]
        done = subprocess.run([sys.executable, ROOT / "deploy/aws/build_zip.py", *options], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert re.search(r"[\d.]+ MB, unzipped [\d.]+ MB, with byte code", said[0])
    return zips


def test_two_builds_give_the_same_octets(built):
    assert built[0].read_bytes() == built[1].read_bytes()


def test_zipped_and_unzipped_it_is_below_40_mb(built):
    entries = zipfile.ZipFile(built[0]).infolist()
    assert built[0].stat().st_size < LIMIT
    assert sum(entry.file_size for entry in entries) < LIMIT


def test_it_holds_no_boto3_no_pip_and_no_commands(built):
    top = {name.split("/")[0] for name in zipfile.ZipFile(built[0]).namelist()}
    assert top & {"boto3", "botocore", "s3transfer", "pip", "setuptools", "click", "sqlite_utils", "aiosmtpd", "bin"} == set()
    assert {"inbox", "rules.yaml", "flanker"} <= top


def test_a_clean_interpreter_judges_a_mail_with_it(built, tmp_path):
    boto3 = pytest.importorskip("boto3")
    task, runtime = tmp_path / "task", tmp_path / "runtime"
    zipfile.ZipFile(built[0]).extractall(task)
    runtime.mkdir()
    for name in ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py"):  # what the runtime of AWS has
        (runtime / name).symlink_to(Path(boto3.__file__).parents[1] / name)
    done = subprocess.run([sys.executable, "-S", "-I", "-c", JUDGE, task, runtime], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(task / "inbox/__init__.py"), str(runtime / "boto3/__init__.py")]
