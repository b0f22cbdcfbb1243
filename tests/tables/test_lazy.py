"""Tables are read in parts, and no result depends on how they are divided."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from drawn import figures
from joined import joined

import stubs
from dropleak.analysis.claims import interpretations
from dropleak.analysis.excerpts import POINTS
from dropleak.analysis.summary import COLUMNS, summarise
from dropleak.errors import InputError
from dropleak.planning.layout import Layout
from dropleak.planning.validation import complete
from dropleak.report import captions
from dropleak.tables import parquet
from dropleak.tables.lazy import StoredTable
from dropleak.tables.schemas import ATTACKS, IMAGES, UTILITY

IDLG, READER = "idlg", "mask-reading"


CONFIG = complete(
    {
        "experiment": "stubs",
        "data": {"source": "cifar10"},
        "images": 12,
        "attackers": [IDLG, READER],
        "rates": [0.0, 0.5],
        "attack": {"iterations": 40, "images_per_job": 5},
    }
)
LAYOUT = Layout(CONFIG)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Results for 12 images, 5 per job, two rates and two attackers, of 40 iterations."""
    folder = tmp_path_factory.mktemp("stubs")
    stubs.write(folder, CONFIG)
    return folder


@pytest.fixture(scope="module")
def complete(folder):
    """All attacks."""
    files = [
        folder / LAYOUT.attacks["lenet", attacker].path / f"rate-{rate}" / f"images-{batch}.parquet"
        for attacker in (IDLG, READER)
        for rate in (0.0, 0.5)
        for batch in ("0-5", "5-10", "10-12")
    ]
    assert sorted(files) == sorted(folder.rglob("images-*.parquet"))
    return pa.concat_tables(parquet.read(file, ATTACKS) for file in files)


@pytest.fixture(scope="module", params=[1, 5])
def stored(complete, request, tmp_path_factory):
    """All attacks, from jobs of several sizes."""
    return joined(tmp_path_factory.mktemp("stored"), *cut(complete, request.param))


def cut(attacks, size):
    """The tables of jobs with so many images, 12 in all."""
    for start in range(0, len(attacks), 12):
        for first in range(0, 12, size):
            yield attacks.slice(start + first, min(size, 12 - first))


def test_rows_are_chosen_and_come_in_order(stored, complete):
    images = complete["image"].to_pylist()
    assert stored.read(["rmse", "image"]).equals(complete.select(["rmse", "image"]))
    chosen = stored.read(
        ["image"],
        ("attacker", "==", READER),
        ("dropout_rate", "==", 0.5),
        ("image", "in", images[3:7]),
    )
    assert chosen["image"].to_pylist() == images[3:7]
    assert len(stored.read(["image"], ("dropout_rate", "==", 0.3))) == 0


def test_parts_are_of_one_job_and_never_empty(stored, complete):
    conditions = ("attacker", "==", IDLG), ("image", "!=", complete["image"][0].as_py())
    parts = list(stored.parts(["image", "attacker"], *conditions))
    assert all(map(len, parts))
    assert pa.concat_tables(parts).equals(stored.read(["image", "attacker"], *conditions))
    assert list(stored.parts(["image"], ("dropout_rate", "==", 0.3))) == []


def test_metadata_is_read_too(stored):
    metadata = parquet.metadata(stored.read(["dropout_rate"]))
    assert metadata["shape"] == list(stubs.SHAPE)
    assert "settings" not in metadata  # each job has its own


def test_summary_and_interpretations_do_not_depend_on_the_parts(stored, complete):
    assert summarise(stored.read(COLUMNS), 0.1).equals(summarise(complete, 0.1))
    parts, masks = interpretations.relevant(stored, "lenet", [IDLG]), {IDLG: "resample"}
    whole = complete.filter(pc.field("attacker") == IDLG)
    in_parts = interpretations.compare(parts, "lenet", masks)
    assert in_parts.equals(interpretations.compare([whole], "lenet", masks))
    assert len(in_parts)


def test_only_attacks_that_may_be_the_papers_are_interpreted(stored):
    assert not list(interpretations.relevant(stored, "other", [IDLG, READER]))
    parts = pa.concat_tables(interpretations.relevant(stored, "lenet", [IDLG]))
    assert set(parts["attacker"].to_pylist()) == {IDLG}
    assert sorted(parts["dropout_rate"].unique().to_pylist()) == [0.0, 0.5]


@pytest.mark.parametrize("name", ["sample", "rmse_by_rate", "rmse_by_iteration"])
def test_figures_and_captions_do_not_depend_on_the_parts(name, stored, complete, folder, tmp_path):
    arguments = {
        "sample": {
            "images": parquet.read(folder / LAYOUT.images.path / "test.parquet", IMAGES),
            "chosen": complete["image"].to_pylist()[:2],
        },
        "rmse_by_rate": {"summary": summarise(complete, 0.1)},
    }.get(name, {}) | {"client": "lenet", "attacker": IDLG}
    images, texts = [], []
    for attacks in (stored, joined(tmp_path, *cut(complete, 6))):
        figure = getattr(figures, name)(attacks, **arguments)
        figure.canvas.draw()
        images.append(np.array(figure.canvas.buffer_rgba()))
        texts.append(getattr(captions, name)(attacks, **arguments))
    assert (images[0] == images[1]).all()
    assert texts[0] == texts[1]


def test_figure_4_shows_an_excerpt_of_very_many_images_and_says_so(complete, tmp_path):
    job = complete.slice(0, 12)
    columns = {name: job[name] for name in ATTACKS.names}
    many = pa.concat_tables([pa.table(columns, schema=ATTACKS)] * (POINTS // 12 + 1))
    for name in ("image", "update"):
        index = ATTACKS.get_field_index(name)
        many = many.set_column(index, ATTACKS.field(name), [np.arange(len(many), dtype=np.int32)])
    stored, summary = joined(tmp_path, many), summarise(many, 0.1)
    figure = figures.rmse_by_rate(stored, summary, "lenet", IDLG)
    points = figure.axes[0].collections[0].get_offsets()
    assert points[:, 1].tolist() == many["rmse_clipped"].to_pylist()[:POINTS]
    assert "Points are the first 1,000 images" in captions.rmse_by_rate(
        stored, summary, "lenet", IDLG
    )


def test_damage_is_named(complete, tmp_path):
    stored = joined(tmp_path, complete.slice(0, 24), complete.slice(24))
    path, index = (tmp_path / "attacks.parquet" / name for name in ("1.parquet", "_metadata"))
    with pytest.raises(InputError, match=r"_metadata: is not the expected table"):
        StoredTable(index, UTILITY)
    content = bytearray(path.read_bytes())
    content[100:2000] = bytes(1900)
    path.write_bytes(content)
    columns = ["attacker", "dropout_rate", "image", "update"]
    with pytest.raises(InputError, match=r"1\.parquet: is damaged .*; delete the job's file"):
        stored.read(columns)
    with pytest.raises(InputError, match=r"1\.parquet: is damaged"):
        list(stored.parts(columns))
    path.unlink()
    with pytest.raises(InputError, match=r"1\.parquet: cannot be read \(No such file"):
        stored.read(columns)
    index.write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"_metadata: is damaged"):
        StoredTable(index, ATTACKS)
