"""Files of jobs that were killed."""

from dropleak.runtime.files import remove_partial_files


def test_what_killed_jobs_were_writing_is_removed(tmp_path):
    for name in (
        ".partial-1a2b3c4d-rate-0.5.parquet",
        "checkpoints/.tmpQx3Abc",
        "checkpoints/kept",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    remove_partial_files(tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["kept"]
