"""The commit of the code, wherever a copy of it is."""

import os
import subprocess

import pytest

from dropleak.report import provenance

UNKNOWN = {"commit": None, "dirty": None}


def git(folder, *arguments):
    """Run git without the environment's or the user's settings."""
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
    """Make the files of a copy of the project."""
    (folder / "workflow").mkdir(parents=True)
    (folder / "workflow" / "Snakefile").touch()
    return folder


def committed(folder):
    """Commit a folder's files; returns the commit."""
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "--message", "first")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def checkout(tmp_path):
    """A checkout, and its commit."""
    folder = copy(tmp_path / "checkout")
    return folder, committed(folder)


def test_a_users_own_files_do_not_make_the_code_dirty(checkout):
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
def test_a_repository_around_a_copy_is_ignored(tmp_path, tracked):
    inner = copy(tmp_path / "other" / "dropleak")
    (tmp_path / "other" / "paper.tex").touch()
    if not tracked:
        (tmp_path / "other" / ".gitignore").write_text("dropleak\n", encoding="utf-8")
    committed(tmp_path / "other")
    revision = provenance.revision(inner)
    assert revision == UNKNOWN | {"no_commit": "the code is not a git checkout"}


def test_environment_variables_of_git_are_ignored(checkout, tmp_path, monkeypatch):
    folder, commit = checkout
    other = copy(tmp_path / "other")
    (other / "more").touch()
    assert committed(other) != commit
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    assert provenance.revision(folder) == {"commit": commit, "dirty": False}


def test_a_checkout_of_another_user_can_be_read(checkout, monkeypatch):
    folder, commit = checkout
    real = subprocess.run

    def of_another_user(command, **options):
        """Pretend that another user owns the folder, as git's own tests do."""
        options["env"] = options["env"] | {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
        return real(command, **options)

    monkeypatch.setattr(subprocess, "run", of_another_user)
    with pytest.raises(subprocess.CalledProcessError, match="128"):
        subprocess.run(["git", "-C", folder, "status"], env={}, check=True, capture_output=True)
    assert provenance.revision(folder) == {"commit": commit, "dirty": False}


@pytest.mark.parametrize("kind", ["worktree", "shallow", "submodule"])
def test_other_kinds_of_checkouts_have_their_commit(checkout, tmp_path, kind):
    folder, commit = checkout
    other = tmp_path / "other"
    match kind:
        case "worktree":
            git(folder, "worktree", "add", other)
        case "shallow":
            git(tmp_path, "clone", "--depth", "1", folder.as_uri(), other)
        case "submodule":
            git(tmp_path, "init", "above")
            git(tmp_path / "above", "submodule", "add", folder, "other")
            other = tmp_path / "above" / "other"
    assert provenance.revision(other) == {"commit": commit, "dirty": False}
    (other / "workflow" / "Snakefile").write_text("rule all:\n", encoding="utf-8")
    assert provenance.revision(other) == {"commit": commit, "dirty": True}


@pytest.mark.parametrize("language", ["de_DE.UTF-8", "C"])
@pytest.mark.parametrize("state", ["without commits", "moved", "damaged"])
def test_a_checkout_that_git_cannot_read_has_no_commit(tmp_path, monkeypatch, state, language):
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
    revision = provenance.revision(folder)
    assert revision | UNKNOWN == revision
    assert revision["no_commit"].startswith("git cannot read it (fatal: ")


def test_without_git_there_is_no_commit(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    revision = provenance.revision(checkout[0])
    assert revision == UNKNOWN | {"no_commit": "git cannot be started (No such file or directory)"}
