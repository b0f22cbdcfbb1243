"""The location of the compiled attack, and messages when there is none."""

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from problems import COMPILER

from dropleak.engine.backends import compiled
from dropleak.engine.folders import temporary, user_cache

LIKE = torch.empty(0)


@pytest.fixture(autouse=True)
def nothing_built(monkeypatch, tmp_path):
    """Like a new machine, with little to compile."""
    source = tmp_path / "tiny.c"
    source.write_text("REAL one(void) { return 1; }", encoding="utf-8")
    monkeypatch.setattr(compiled, "_SOURCES", [source])
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(compiled, "_library", compiled.lru_cache(compiled._library.__wrapped__))


@pytest.fixture
def said(capsys):
    """Try to compile the attack, which must fail; returns the line with the reason."""

    def reason():
        assert compiled.find(LIKE) is None
        assert compiled.find(LIKE) is None
        (line,) = capsys.readouterr().out.splitlines()
        assert line.startswith("using torch, ")
        return line

    return reason


@pytest.fixture
def noexec(monkeypatch):
    """Make folders whose files cannot be executed."""
    forbidden = []

    class Library(ctypes.CDLL):
        def __init__(self, name):
            if any(Path(name).is_relative_to(folder) for folder in forbidden):
                raise OSError(f"{name}: failed to map segment from shared object")
            super().__init__(name)

    monkeypatch.setattr(ctypes, "CDLL", Library)
    return forbidden.append


@pytest.mark.parametrize("given", ["/nowhere/cc --fast", "gcc '", " "])
def test_without_a_compiler_the_log_says_so_once(monkeypatch, said, given):
    monkeypatch.setenv("CC", given)
    assert f"there is no C compiler '{given}'" in said()


@COMPILER
def test_code_that_does_not_compile_is_reported_and_leaves_nothing(monkeypatch, said, tmp_path):
    broken = tmp_path / "broken.c"
    broken.write_text("int main( {", encoding="utf-8")
    monkeypatch.setattr(compiled, "_SOURCES", [broken])
    line = said()
    assert "could not build" in line
    assert "broken.c:1:" in line
    assert list(temporary().iterdir()) == list(user_cache().iterdir()) == []


def test_a_compiler_that_fails_without_a_word_is_reported(monkeypatch, said):
    monkeypatch.setenv("CC", "false")
    assert "the C compiler 'false' could not build the attack (status 1)" in said()


@COMPILER
def test_it_is_built_once_for_each_dtype():
    assert compiled.find(LIKE)
    (library,) = temporary().iterdir()
    compiled._library.cache_clear()
    written = library.stat().st_mtime_ns
    assert compiled.find(LIKE)
    assert library.stat().st_mtime_ns == written
    assert compiled.find(LIKE.double())
    assert len(list(temporary().iterdir())) == 2
    assert list(user_cache().iterdir()) == []


@COMPILER
def test_an_empty_variable_counts_as_unset(monkeypatch):
    monkeypatch.setenv("CC", "")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert compiled.find(LIKE)


@COMPILER
@pytest.mark.parametrize("kind", ["noexec", "others may write", "a file", "full"])
def test_the_cache_replaces_an_unusable_temporary_folder(monkeypatch, capsys, noexec, kind):
    match kind:
        case "noexec":
            noexec(temporary())
        case "others may write":
            temporary().chmod(0o777)
        case "a file":
            temporary().rmdir()
            Path(tempfile.tempdir, f"dropleak-{os.geteuid()}").touch()
        case "full":  # the compiler finds out
            build = compiled._build
            here = temporary()

            def full(command, target):
                if target.parent == here:
                    message = "cc: fatal error: No space left on device"
                    raise subprocess.CalledProcessError(1, command, stderr=message)
                build(command, target)

            monkeypatch.setattr(compiled, "_build", full)
    assert compiled.find(LIKE)
    assert len(list(user_cache().iterdir())) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("cache", ["", "~no one/.cache", "relative"])
@COMPILER
def test_all_folders_are_named_if_none_is_usable(monkeypatch, said, noexec, tmp_path, cache):
    monkeypatch.chdir(tmp_path)
    noexec(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", cache)
    line = said()
    assert f"{temporary()}/" in line
    assert "failed to map segment" in line
    assert (f"{cache}: is not an absolute path" if cache else f"{tmp_path}/home/.cache/") in line
    assert "set TMPDIR or XDG_CACHE_HOME" in line
    assert "compiler" not in line
    assert {path.name for path in tmp_path.iterdir()} <= {"tiny.c", "temporary", "home"}


def test_there_is_nothing_compiled_for_a_gpu():
    assert compiled.find(torch.empty(0, device="meta")) is None


@COMPILER
def test_a_process_that_runs_out_of_memory_says_so():
    """A convolution of 10^15 numbers."""
    code = (
        "import ctypes, torch; from dropleak.engine.backends import compiled; "
        "geometry = (ctypes.c_int * 9)(*[100000] * 6, 1, 1, 0); "
        "compiled.find(torch.empty(0)).new_convolution(geometry)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == -signal.SIGABRT
    assert ended.stderr.startswith("out of memory: the compiled attack needs another 4000")
