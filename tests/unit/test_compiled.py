import torch

from dropleak.attack import compiled


def test_without_a_compiler_the_log_says_so_once(monkeypatch, capsys):
    monkeypatch.setenv("CC", "/nowhere/cc --fast")
    monkeypatch.setattr(compiled, "_build", compiled.lru_cache(compiled._build.__wrapped__))
    like = torch.empty(0)
    assert compiled.find(like) is None
    assert compiled.find(like) is None
    (line,) = capsys.readouterr().out.splitlines()
    assert "/nowhere/cc --fast" in line
    assert "using torch" in line


def test_a_source_that_does_not_compile_is_reported(monkeypatch, capsys, tmp_path):
    broken = tmp_path / "broken.c"
    broken.write_text("int main( {")
    monkeypatch.setattr(compiled, "_SOURCES", [broken])
    assert compiled._build.__wrapped__(torch.float32) is None
    assert "could not build" in capsys.readouterr().out


def test_there_is_nothing_compiled_for_a_gpu():
    assert compiled.find(torch.empty(0, device="meta")) is None
