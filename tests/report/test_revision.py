"""Which commit the code is of, wherever a copy of it lies."""

import os
import subprocess

import pytest

from dropleak.report import provenance

UNKNOWN = {"commit": None, "dirty": None}


def git(folder, *arguments):
    """Run git without what the environment or the user's settings say of it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    person = ["-c", "user.name=me", "-c", "user.email=me@here", "-c", "commit.gpgSign=false"]
    protocol = ["-c", "protocol.file.allow=always"]
    return subprocess.run(
        ["git", "-C", folder, *person, *protocol, *arguments],
        env=clean,
        check=True,
        capture_output=True,
        encoding="utf-8",
    ).stdout.strip()


def copy(folder):
    """The files of a copy of the project."""
    (folder / "workflow").mkdir(parents=True)
    (folder / "workflow" / "Snakefile").touch()
    return folder


def committed(folder):
    """The commit that a folder's files have become."""
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "--message", "first")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def checkout(tmp_path):
    """A checkout, and its commit."""
    folder = copy(tmp_path / "checkout")
    return folder, committed(folder)


def test_a_users_own_files_are_no_change_of_the_code(checkout):
    folder, commit = checkout
    (folder / "mine.yaml").touch()
    (folder / "report.html").touch()
    assert provenance.revision(folder) == {"commit": commit, "dirty": False}
    (folder / "workflow" / "mine.yaml").touch()
    assert provenance.revision(folder) == {"commit": commit, "dirty": True}
    git(folder, "config", "status.showUntrackedFiles", "no")
    assert provenance.revision(folder) == {"commit": commit, "dirty": True}
    (folder / "workflow" / "mine.yaml").unlink()
    (folder / "workflow" / "Snakefile").write_text("rule all:\n", encoding="utf-8")
    assert provenance.revision(folder) == {"commit": commit, "dirty": True}


@pytest.mark.parametrize("tracked", [False, True])
def test_another_repository_around_a_copy_is_not_that_of_the_code(tmp_path, tracked):
    inner = copy(tmp_path / "other" / "dropleak")
    (tmp_path / "other" / "paper.tex").touch()
    if not tracked:
        (tmp_path / "other" / ".gitignore").write_text("dropleak\n", encoding="utf-8")
    committed(tmp_path / "other")
    found = provenance.revision(inner)
    assert found == UNKNOWN | {"no_commit": "the code is not a git checkout"}


def test_variables_that_lead_git_elsewhere_do_not_count(checkout, tmp_path, monkeypatch):
    folder, commit = checkout
    other = copy(tmp_path / "other")
    (other / "more").touch()
    assert committed(other) != commit
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    assert provenance.revision(folder) == {"commit": commit, "dirty": False}


def test_a_checkout_of_another_user_is_read_as_well(checkout, monkeypatch):
    folder, commit = checkout
    real = subprocess.run

    def of_another_user(command, **options):
        """As with a folder that another user owns: of git's own tests."""
        options["env"] = options["env"] | {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
        return real(command, **options)

    monkeypatch.setattr(subprocess, "run", of_another_user)
    with pytest.raises(subprocess.CalledProcessError, match="128"):
        subprocess.run(["git", "-C", folder, "status"], env={}, check=True, capture_output=True)
    assert provenance.revision(folder) == {"commit": commit, "dirty": False}


@pytest.mark.parametrize("kind", ["worktree", "shallow", "submodule"])
def test_other_kinds_of_checkouts_have_their_commit(checkout, tmp_path, kind):
    folder, commit = checkout
    there = tmp_path / "there"
    match kind:
        case "worktree":
            git(folder, "worktree", "add", there)
        case "shallow":
            git(tmp_path, "clone", "--depth", "1", folder.as_uri(), there)
        case "submodule":
            git(tmp_path, "init", "above")
            git(tmp_path / "above", "submodule", "add", folder, "there")
            there = tmp_path / "above" / "there"
    assert provenance.revision(there) == {"commit": commit, "dirty": False}
    (there / "workflow" / "Snakefile").write_text("rule all:\n", encoding="utf-8")
    assert provenance.revision(there) == {"commit": commit, "dirty": True}


@pytest.mark.parametrize("language", ["de_DE.UTF-8", "C"])
@pytest.mark.parametrize("state", ["without commits", "moved", "damaged"])
def test_what_git_cannot_read_is_said(tmp_path, monkeypatch, state, language):
    monkeypatch.setenv("LC_ALL", language)
    folder = copy(tmp_path / "checkout")
    match state:
        case "without commits":
            git(folder, "init")
        case "moved":
            (folder / ".git").write_text("gitdir: /nowhere/worktrees/a\n", encoding="utf-8")
        case "damaged":
            committed(folder)
            (folder / ".git" / "HEAD").write_text("nothing", encoding="utf-8")
    found = provenance.revision(folder)
    assert found | UNKNOWN == found
    assert found["no_commit"].startswith("git cannot read it (fatal: ")


def test_without_git_that_is_said(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    found = provenance.revision(checkout[0])
    assert found == UNKNOWN | {"no_commit": "git cannot be started (No such file or directory)"}
