import tempfile

import pytest
import torch
from problems import COMPILER

from dropleak.attack import compiled
from dropleak.files import private_folder


@pytest.fixture(autouse=True)
def nothing_built(monkeypatch, tmp_path):
    """As on a new machine."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(compiled, "_library", compiled.lru_cache(compiled._library.__wrapped__))


LIKE = torch.empty(0)


def test_without_a_compiler_the_log_says_so_once(monkeypatch, capsys):
    monkeypatch.setenv("CC", "/nowhere/cc --fast")
    assert compiled.find(LIKE) is None
    assert compiled.find(LIKE) is None
    (line,) = capsys.readouterr().out.splitlines()
    assert "/nowhere/cc --fast" in line
    assert "using torch" in line


@COMPILER
def test_what_does_not_compile_is_reported_and_leaves_nothing(monkeypatch, capsys, tmp_path):
    broken = tmp_path / "broken.c"
    broken.write_text("int main( {", encoding="utf-8")
    monkeypatch.setattr(compiled, "_SOURCES", [broken])
    assert compiled.find(LIKE) is None
    assert "could not build" in capsys.readouterr().out
    assert list(private_folder().iterdir()) == []


@COMPILER
def test_it_is_built_once_for_each_dtype(monkeypatch):
    assert compiled.find(LIKE)
    (library,) = private_folder().iterdir()
    compiled._library.cache_clear()
    written = library.stat().st_mtime_ns
    assert compiled.find(LIKE)
    assert library.stat().st_mtime_ns == written
    assert compiled.find(LIKE.double())
    assert len(list(private_folder().iterdir())) == 2


def test_a_folder_that_others_may_write_to_is_not_trusted(capsys):
    private_folder().chmod(0o777)
    assert compiled.find(LIKE) is None
    assert "others may write" in capsys.readouterr().out


def test_there_is_nothing_compiled_for_a_gpu():
    assert compiled.find(torch.empty(0, device="meta")) is None
