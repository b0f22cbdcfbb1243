"""Check that tables and figures on disk belong together and to a configuration.

`python -m dropleak.report.verify --configfile FILE` lists what does not, and then ends with status
1.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from dropleak.errors import InputError
from dropleak.planning import configfile
from dropleak.planning.config import differences
from dropleak.planning.versions import ENGINE_VERSION
from dropleak.report import provenance

CHECKED = ("tables", "figures", "report")
"""Folders of an experiment in which its provenance names every file."""


def _object(**properties: dict) -> dict:
    return {"type": "object", "properties": properties, "required": list(properties)}


_JOBS = {"type": "array", "items": _object(file={"type": "string"}, sha256={"type": "string"})}
_CHECKSUMS = {"type": "object", "additionalProperties": {"type": "string"}}
_RECORD = _object(
    configuration={"type": "object"},
    code=_object(engine_version={"type": "integer"}),
    data=_CHECKSUMS,
    results=_CHECKSUMS,
    attacks=_JOBS,
    trainings=_JOBS,
)
"""JSON schema of the parts of a record that are checked."""


def problems(config: dict, results: Path) -> Iterator[str]:
    """Everything that does not belong, a line each.

    Args:
        config: complete.
        results: the experiment's folder.

    Raises:
        InputError: there is no record to check against.
    """
    recorded = _read(results / "provenance.json")
    for key, was, now in differences(recorded["configuration"], config):
        yield f"{key}: was {was} when these results were made, and is {now} in the configuration"
    if recorded["code"]["engine_version"] != ENGINE_VERSION:
        yield (
            f"engine version: attacks are of version {recorded['code']['engine_version']}, "
            f"the code is at {ENGINE_VERSION}"
        )
    files = recorded["data"] | recorded["results"]
    expected = {results / name: checksum for name, checksum in files.items()}
    for job in recorded["attacks"] + recorded["trainings"]:
        expected[Path(job["file"])] = job["sha256"]
    for path, checksum in expected.items():
        if not path.exists():
            yield f"{path}: is missing"
        elif provenance.checksum(path) != checksum:
            yield f"{path}: has changed since the results were recorded"
    for path in left_over(results, expected):
        yield f"{path}: does not belong to these results"


def left_over(results: Path, expected: Iterable[str | Path]) -> list[Path]:
    """Tables, figures and pages that an experiment no longer makes, such as those of earlier rates.

    Args:
        results: the experiment's folder.
        expected: the files that it makes.
    """
    known = {*map(Path, expected)}
    files = (path for folder in CHECKED for path in sorted((results / folder).glob("*")))
    return [path for path in files if path.is_file() and path not in known]


def _read(path: Path) -> dict:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: does not exist; a complete run makes it") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); delete it and run again") from None
    if mismatch := best_match(Draft202012Validator(_RECORD).iter_errors(record)):
        raise InputError(
            f"{path}: is not a record of a run, or is of an older version ({mismatch.message}); "
            "delete it and run again"
        )
    return record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    configfile.add_argument(parser)
    arguments = parser.parse_args()
    try:
        config = configfile.load(arguments.configfile)
        results = Path("results", config["experiment"])
        lines = list(problems(config, results))
    except InputError as error:
        sys.exit(f"error: {error}")
    if lines:
        sys.exit("\n".join(lines))
    print(f"{results}: tables and figures belong together and to this configuration")


if __name__ == "__main__":
    main()
