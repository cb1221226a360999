"""Build the zip of the Lambda function: the same versions give the same octets.

    build_zip.py [--python 3.13] [--arch arm64] [--rules FILE] [--plugins FOLDER] [--constraint FILE] [--output dist/lambda.zip]

In it: the package `inbox`, the libraries that it needs there, `rules.yaml`, and `plugins/` when asked for. Not in it: boto3 and botocore, which the
runtime has; libraries of rooms that a function never enters (LEFT_OUT); tests, type stubs, caches, lists of installed files, debug symbols. The
metadata of distributions stays, since plugins are found by it. When this Python is the one of the function, byte code of what every cold start
imports (WARM) is in it too: the folder of a function cannot be written to, so without it each would compile again.

The versions that were taken are written beside the zip (`lambda.txt`); as `--constraint` of a later build they give the same zip again.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
EPOCH = (1980, 1, 1, 0, 0, 0)
LEFT_OUT = {
    "aiosmtpd": "the SMTP door",
    "sqlite-utils": "the store in a folder",
    "click": "the commands",
}
ROOMS_LEFT_OUT = ("cli", "demo", "sources/smtp", "__main__.py", "daemon.py", "supervise.py", "testing.py")
SOURCE_ONLY = ("dkimpy", "flanker")
"""Pure Python, but the index has no wheels of them: built here."""

PORTABLE = ("chardet",)
"""Taken as pure Python: the compiled wheel is 7 MB of small libraries, and few mails need it."""
WARM = re.compile(
    r"(inbox|pydantic|pydantic_core|pluggy|yaml|re2|annotated_types|typing_inspection|jinja2|markupsafe)/|typing_extensions\.py$|plugins/"
)

_NOISE = re.compile(
    r"(^|/)(__pycache__|tests?|testing)/|\.(pyi|pyx|pxd|c|h|pyc)$|/py\.typed$|\.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json|licenses/.*|sboms/.*)$|^bin/|^pycparser|^cffi[/-]"
)


def requirements() -> list[str]:
    """What the project depends on, without what a function never needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [line for line in project["dependencies"] if name_of(line) not in LEFT_OUT]


def name_of(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()


def install(folder: Path, python: str, arch: str, constraint: Path | None) -> None:
    """Put the libraries into a folder, as wheels for the machine of the function."""
    wheels = folder.with_name("wheels")
    limits = ["--constraint", str(constraint)] if constraint else []
    source_only = [line for line in requirements() if name_of(line) in SOURCE_ONLY]
    pip("wheel", "--no-deps", "--wheel-dir", str(wheels), *limits, *source_only)
    portable = ["--platform", "any", "--python-version", python, "--implementation", "cp", "--only-binary", ":all:"]
    pip("download", "--no-deps", "--dest", str(wheels), *portable, *limits, *(line for line in requirements() if name_of(line) in PORTABLE))
    taken = [str(path) for path in sorted(wheels.iterdir()) if name_of(path.name.partition("-")[0]) in PORTABLE]
    machine = MACHINES[arch]
    pip(
        *("install", "--target", str(folder), "--no-compile", "--only-binary", ":all:", "--find-links", str(wheels)),
        *("--platform", f"manylinux2014_{machine}", "--platform", f"manylinux_2_28_{machine}"),
        *("--implementation", "cp", "--python-version", python),
        *limits,
        *taken,
        *in_python([line for line in requirements() if name_of(line) not in PORTABLE], python),
    )


def in_python(lines: list[str], python: str) -> list[str]:
    """Requirements without markers: pip would judge them by the Python that runs it, not by that of the function."""
    kept = []
    for line in lines:
        requirement, _, marker = (part.strip() for part in line.partition(";"))
        found = re.fullmatch(r"python_version >= '(\d+)\.(\d+)'", marker)
        if marker and not found:
            sys.exit(f"build_zip.py: the marker {marker!r} of {requirement} is not understood; teach in_python() to read it")
        if not found or tuple(map(int, python.split("."))) >= (int(found[1]), int(found[2])):
            kept.append(requirement)
    return kept


def pip(*arguments: str) -> None:
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONPATH": ""}
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"build_zip.py: pip {arguments[0]} failed:\n{done.stderr.strip()}")


def copy_project(folder: Path, rules: Path | None, plugins: Path | None) -> None:
    left_out = {ROOT / "src" / "inbox" / room for room in ROOMS_LEFT_OUT}
    shutil.copytree(
        ROOT / "src" / "inbox",
        folder / "inbox",
        ignore=lambda where, names: [name for name in names if name == "__pycache__" or Path(where) / name in left_out],
    )
    if rules:
        shutil.copy(rules, folder / "rules.yaml")
    if plugins:
        shutil.copytree(plugins, folder / "plugins", ignore=shutil.ignore_patterns("__pycache__"))


def versions(folder: Path) -> list[str]:
    """name==version of every distribution in a folder, sorted."""
    found = (re.fullmatch(r"(.+)-([^-]+)\.dist-info", path.name) for path in folder.iterdir())
    return sorted(f"{match[1]}=={match[2]}" for match in found if match)


def prune(folder: Path) -> None:
    """Delete what a function never reads, also within libraries."""
    for path in files(folder):
        if _NOISE.search(path.relative_to(folder).as_posix()):
            path.unlink()
        elif ".so" in path.suffixes:
            strip(path)


def strip(path: Path) -> None:
    """Cut off what a loader never reads of a 64-bit little-endian ELF library: what lies behind its last segment (symbols, debug information)."""
    octets = bytearray(path.read_bytes())
    if octets[:6] != b"\x7fELF\x02\x01":
        sys.exit(f"build_zip.py: {path.name} is no library for these machines")
    table, size, count = struct.unpack_from("<Q", octets, 32)[0], *struct.unpack_from("<HH", octets, 54)
    ends = [table + size * count]
    for place in range(table, table + size * count, size):
        offset, in_file = struct.unpack_from("<Q", octets, place + 8)[0], struct.unpack_from("<Q", octets, place + 32)[0]
        ends.append(offset + in_file)
    struct.pack_into("<Q", octets, 40, 0)  # no table of sections
    struct.pack_into("<HHH", octets, 58, 0, 0, 0)
    path.write_bytes(octets[: max(ends)])


def compile_warm(folder: Path) -> None:
    """Byte code that is believed without a look at the source, made in one fresh interpreter, so that it is the same each time."""
    found = (path.relative_to(folder).as_posix() for path in files(folder) if path.suffix == ".py")
    names = "".join(f"{name}\n" for name in found if WARM.match(name))
    program = (
        "import py_compile, sys\n"
        "for name in sys.stdin.read().splitlines():\n"
        "    py_compile.compile(name, dfile=f'/var/task/{name}', doraise=False, quiet=2,"
        " invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPYCACHEPREFIX": ""}
    subprocess.run([sys.executable, "-I", "-c", program], cwd=folder, env=environment, input=names, text=True, check=True)


def files(folder: Path) -> Iterator[Path]:
    """Every file, in an order that is the same everywhere."""
    return iter(sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.relative_to(folder).as_posix()))


def write(folder: Path, output: Path) -> int:
    """The zip: sorted, one time, one mode. Octets before compression are returned."""
    output.parent.mkdir(parents=True, exist_ok=True)
    unzipped = 0
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in files(folder):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = (0o100755 if ".so" in path.suffixes else 0o100644) << 16
            octets = path.read_bytes()
            unzipped += len(octets)
            archive.writestr(entry, octets)
    return unzipped


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default="3.13", help="version of the function's runtime (default 3.13)")
    parser.add_argument("--arch", choices=MACHINES, default="arm64", help="machine of the function (default arm64)")
    parser.add_argument("--rules", type=Path, help="rules file that becomes rules.yaml in the zip")
    parser.add_argument("--plugins", type=Path, help="folder of plugins that becomes plugins/ in the zip")
    parser.add_argument("--constraint", type=Path, help="lambda.txt of an earlier build")
    parser.add_argument("--output", type=Path, default=ROOT / "dist" / "lambda.zip")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "task"
        install(folder, args.python, args.arch, args.constraint)
        copy_project(folder, args.rules, args.plugins)
        taken = versions(folder)
        prune(folder)
        own = args.python == f"{sys.version_info.major}.{sys.version_info.minor}"
        if own:
            compile_warm(folder)
        unzipped = write(folder, args.output)
    args.output.with_suffix(".txt").write_text("\n".join(taken) + "\n", encoding="utf-8")
    size, digest = args.output.stat().st_size, hashlib.sha256(args.output.read_bytes()).hexdigest()
    code = "with byte code" if own else f"without byte code: build it with Python {args.python} for a quicker cold start"
    print(f"{args.output}: {size / 1e6:.1f} MB, unzipped {unzipped / 1e6:.1f} MB, {code}\nsha256 {digest}")


if __name__ == "__main__":
    main()
