"""Files of an image tree that are used, reported as unused, or silently ignored."""

import os
import subprocess
import sys
from unicodedata import normalize

import pytest
from bad import image_tree, picture, refused
from places import ROOT

from dropleak.data import folder, sources
from dropleak.data.sources import image_tables
from dropleak.tables import parquet


@pytest.fixture
def root(tmp_path):
    return image_tree(tmp_path / "images")


def data(root, size=None):
    return {"source": "folder", "root": str(root), "size": size}


@pytest.mark.parametrize(
    "name",
    ["x.jfif", "x.jpe", "x.JPG", "x.Png", "x.gif", "x.avif", "x.apng", "x.jp2", "x.pbm", "x.tif"],
)
def test_images_of_every_ending_are_used(root, name):
    formats = {".jfif": "JPEG", ".jpe": "JPEG", ".pbm": "PPM"}
    path = root / "test" / "a" / name
    image = picture((8, 8)).convert("1") if name.endswith("pbm") else picture()
    image.save(path, formats.get(path.suffix))
    assert sources.count_images(data(root), "test") == 3
    assert len(image_tables("folder", str(root), None)["test"]) == 3
    assert sources.check_headers(data(root)) == []


@pytest.mark.parametrize(
    "name",
    [
        "train/a/.ipynb_checkpoints/1-checkpoint.png",
        "test/a/._1.png",
        "test/.git/1.png",
        "train/__MACOSX/a/1.png",
        "test/a/@eaDir/1.png",
        "test/a/1.png@__thumb/@eaDir/x.png",
        "test/b/Thumbs.db",
        "test/b/THUMBS.DB",
        "train/desktop.ini",
        "train/b/.DS_Store",
        "train/Icon\r",
        "test/$RECYCLE.BIN/1.png",
    ],
)
def test_hidden_and_system_files_are_silently_ignored(root, name):
    before = folder.trees(root)
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(b"no image")
    assert folder.trees(root) == before
    assert folder.unused(root) == []


def test_a_broken_link_in_a_hidden_folder_is_ignored(root):
    (root / "test" / "a" / ".trash").mkdir()
    (root / "test" / "a" / ".trash" / "x.png").symlink_to("/nowhere")
    assert len(folder.files(root, "test")) == 2


def test_unused_files_are_reported_once_per_reason(root):
    for name in ("train/a/x.heic", "train/b/deep/y.HEIC", "test/README.txt", "test/a/0007"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()
    for name in ("u.png", "v.jpg"):
        picture().save(root / "train" / name)
    loose, foreign = folder.unused(root)
    assert f"{root}: images in no folder of a class are not used: 2, for example" in loose
    assert str(root / "train" / "u.png") in loose
    assert f"{root}: files with other endings are not used: " in foreign
    assert "2 .heic, 1 .txt, 1 without an ending" in foreign
    assert str(root / "train" / "a" / "x.heic") in foreign
    assert "Images end in .avif, " in foreign
    assert len(folder.files(root, "train")) == 2


def test_many_kinds_of_files_are_reported_on_one_line(root):
    for number in range(100):
        (root / "train" / "a" / f"x.{number}").touch()
    (sentence,) = folder.unused(root)
    assert "100 in all" in sentence
    assert sentence.count("\n") == 0
    assert len(sentence) < 500


def test_a_folder_without_images_is_refused_with_the_endings_of_its_files(root):
    for path in root.glob("test/*/1.png"):
        path.rename(path.with_suffix(".HEIC"))
    refused(folder.trees, root, words=["test: holds no images (.avif, ", "), but 2 .heic"])


COMPOSED, DECOMPOSED = (normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))


def test_a_class_is_the_same_in_both_forms_of_unicode(root):
    (root / "train" / "a").rename(root / "train" / COMPOSED)
    (root / "test" / "a").rename(root / "test" / DECOMPOSED)
    parts = image_tables("folder", str(root), None)
    for table in parts.values():
        assert parquet.metadata(table)["classes"] == ["b", COMPOSED]
        assert table["label"].to_pylist() == [0, 1]


@pytest.mark.parametrize("names", [("cafe", "\u00e9a", "z"), ("\uac00", "\u1112", "\u1100z")])
def test_the_order_of_classes_and_images_does_not_depend_on_the_form(tmp_path, names):
    orders = []
    for form in ("NFC", "NFD"):
        root = tmp_path / form
        for part in folder.PARTS:
            for name in names:
                class_folder = root / part / normalize(form, name)
                class_folder.mkdir(parents=True)
                for image in names:
                    (class_folder / f"{normalize(form, image)}.png").touch()
        orders.append(
            [
                (name, [normalize("NFC", path.name) for path in paths])
                for name, paths in folder.classes(root, "train").items()
            ]
        )
    assert orders[0] == orders[1]


def test_names_are_the_same_in_every_locale(tmp_path):
    """Python decodes file names in the locale's encoding."""
    root = tmp_path / "é"
    for part in ("train", "test"):
        for name in ("é", normalize("NFD", "ö")):
            (root / part / name).mkdir(parents=True)
            picture().save(root / part / name / "ü.png")
    told = (
        "import sys; from dropleak.data import folder, sources; "
        "data = dict(source='folder', root=sys.argv[1], size=None); "
        "print(sources.data_identity(data), "
        "ascii([sources.dataset_name(data), *folder.classes(sys.argv[1], 'test')]))"
    )
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    environment = os.environ | ascii_only | {"PYTHONPATH": str(ROOT / "workflow")}
    command = [sys.executable, "-c", told, root]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    names = ["the folder é", "é", "ö"]
    assert said.stdout == f"{sources.data_identity(data(root))} {names!a}\n"


def test_two_forms_of_a_name_in_one_part_are_refused(root):
    for name in (COMPOSED, DECOMPOSED):
        (root / "train" / name).mkdir()
    refused(
        folder.trees,
        root,
        words=[f"{root / 'train'}: two folders", "'caf\\xe9'", "'cafe\\u0301'", "into one"],
    )


@pytest.mark.parametrize(
    ("train", "test", "words"),
    [
        ("Cat", "cat", ["test lacks 'Cat'; train lacks 'cat'; "]),
        ("cat ", "cat", ["test lacks 'cat '; train lacks 'cat'; "]),
        ("cat\u00a0", "cat", ["test lacks 'cat\\xa0'; "]),
        ("cat\u200b", "cat", ["test lacks 'cat\\u200b'; "]),
    ],
)
def test_names_that_look_alike_are_distinguished(root, train, test, words):
    (root / "train" / "a").rename(root / "train" / train)
    (root / "test" / "a").rename(root / "test" / test)
    refused(folder.trees, root, words=words)


@pytest.mark.parametrize("name", ["", "train", "test/a"])
def test_an_unreadable_folder_is_named(root, name, monkeypatch):
    """Simulated, because the superuser ignores a folder's mode."""
    scandir = folder.os.scandir

    def forbidden(path):
        if str(path).startswith(str(root / name)):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(folder.os, "scandir", forbidden)
    refused(folder.trees, root, words=[f"{root / name}", "Permission denied"])
