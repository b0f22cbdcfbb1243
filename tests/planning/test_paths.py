"""Home folders and variables in the paths of a configuration."""

import os
import pwd

import pytest
from bad import image_tree, refused

from dropleak.planning import validation
from dropleak.planning.paths import expanded

MYSELF = pwd.getpwuid(os.getuid())


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("SCRATCH", "/scratch/$x~")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("UNSET", raising=False)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("~", "/home/me"),
        ("~/data", "/home/me/data"),
        (f"~{MYSELF.pw_name}/data", f"{MYSELF.pw_dir}/data"),
        ("$SCRATCH/data", "/scratch/$x~/data"),
        ("/a/${SCRATCH}s", "/a//scratch/$x~s"),
        ("~/$SCRATCH", "/home/me//scratch/$x~"),
        ("cost in $$", "cost in $"),
        ("./~/a~b", "./~/a~b"),
        ("resources", "resources"),
    ],
)
def test_homes_and_variables_are_replaced(path, expected):
    assert expanded(path) == expected


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("$UNSET/data", ["the variable UNSET, which is not set"]),
        ("/a/${UNSET}", ["the variable UNSET, which is not set"]),
        ("$EMPTY/data", ["the variable EMPTY, which is not set"]),
        ("~no-such-user/data", ["the home of ~no-such-user, a user"]),
        ("~no-such-user", ["the home of ~no-such-user, a user"]),
        ("100 $", ["write $$"]),
        ("$(touch x)", ["write $$"]),
        ("${HOME", ["write $$"]),
    ],
)
@pytest.mark.parametrize("source", ["folder", "mnist"])
def test_unknown_users_and_variables_are_refused_by_name(tmp_path, path, words, source):
    settings = {"experiment": "x", "data": {"source": source, "root": path}}
    refused(validation.complete, settings, words=["data.root: ", path, *words])
    assert not list(tmp_path.iterdir())


def test_the_configuration_has_the_expanded_path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    image_tree(tmp_path / "pictures")
    settings = {"experiment": "x", "images": 1}
    complete = validation.complete(settings | {"data": {"source": "folder", "root": "~/pictures"}})
    assert complete["data"]["root"] == str(tmp_path / "pictures")
    assert validation.complete(complete) == complete
    missing = validation.complete(settings | {"data": {"root": "~/later"}})
    assert missing["data"]["root"] == str(tmp_path / "later")
