import json
import os

import pytest

from keras_dip.batch.manifest import DONE, FAILED, Entry, Manifest, sha256_of
from keras_dip.errors import KerasDipError

SETTINGS = {"task": "denoise", "options": {"steps": 2, "weights": (0.5, 1)}}
AS_READ = {"task": "denoise", "options": {"steps": 2, "weights": [0.5, 1]}}


def entry(output="a.png", result=DONE, **more):
    return Entry(f"in/{output}", output, result, **more)


def test_entries_come_back_and_the_last_of_an_output_counts(tmp_path):
    manifest = Manifest(tmp_path)
    manifest.append(entry("a.png", FAILED, error="bad"))
    manifest.append(entry("b.png", psnr=30.5, seconds=1.5, steps=7, stopped_by="emv"))
    manifest.append(entry("a.png", sha256="12", settings=AS_READ))

    again = Manifest(tmp_path)

    assert again.entries == manifest.entries and len(again.entries) == 2
    assert again.entries["a.png"].result == DONE
    assert again.entries["b.png"].psnr == 30.5
    lines = (tmp_path / "manifest.jsonl").read_text().splitlines()
    assert [json.loads(line)["output"] for line in lines] == ["a.png", "b.png", "a.png"]


@pytest.mark.parametrize("kept", [1, 20, -1])
def test_a_torn_line_is_not_read_and_cut_off(tmp_path, kept):
    file = tmp_path / "manifest.jsonl"
    Manifest(tmp_path).append(entry("a.png"))
    whole = file.read_bytes()
    Manifest(tmp_path).append(entry("b.png"))
    file.write_bytes(whole + file.read_bytes()[len(whole) :][:kept])

    manifest = Manifest(tmp_path)
    assert list(manifest.entries) == ["a.png"]
    manifest.append(entry("c.png"))

    assert file.read_bytes().startswith(whole)
    assert list(Manifest(tmp_path).entries) == ["a.png", "c.png"]
    assert file.read_bytes().count(b"\n") == 2


def test_lines_of_others_are_left_alone(tmp_path):
    file = tmp_path / "manifest.jsonl"
    file.write_bytes(b'[1]\n{"input": "x"}\nno json\n\xff\n')
    manifest = Manifest(tmp_path)
    assert manifest.entries == {}
    manifest.append(entry())
    assert file.read_bytes().startswith(b'[1]\n{"input": "x"}\nno json\n\xff\n{')


def test_fields_of_a_later_version_are_no_harm(tmp_path):
    line = {"input": "i", "output": "o", "result": DONE, "colour": "blue"}
    (tmp_path / "manifest.jsonl").write_text(json.dumps(line) + "\n")
    assert Manifest(tmp_path).entries["o"] == Entry("i", "o", DONE)


def test_names_of_any_bytes_stay_on_one_line(tmp_path):
    name = os.fsdecode(b"new\nline \xff.png")
    Manifest(tmp_path).append(entry(name))
    assert (tmp_path / "manifest.jsonl").read_bytes().count(b"\n") == 1
    assert list(Manifest(tmp_path).entries) == [name]


def test_a_perfect_psnr_is_still_json(tmp_path):
    Manifest(tmp_path).append(entry(psnr=float("inf")))
    assert json.loads((tmp_path / "manifest.jsonl").read_text())["psnr"] is None


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"result": FAILED}, False),
        ({"sha256": "34"}, False),
        ({"settings": {"task": "deblur"}}, False),
    ],
)
def test_what_counts_as_made(changed, expected):
    facts = {"result": DONE, "sha256": "12", "settings": AS_READ, **changed}
    assert Entry("a", "a", **facts).has_made("12", SETTINGS) is expected


def test_a_file_that_cannot_be_read_is_never_made(tmp_path):
    missing = sha256_of(str(tmp_path / "missing.png"))
    assert missing is None
    assert not entry(sha256=missing, settings=AS_READ).has_made(missing, SETTINGS)


def test_known_hash(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    # The example of FIPS 180-2.
    assert sha256_of(str(tmp_path / "x")).startswith("ba7816bf8f01cfea414140de5dae2223")


def test_a_manifest_that_is_no_file(tmp_path):
    (tmp_path / "manifest.jsonl").mkdir()
    with pytest.raises(KerasDipError, match=r"Expected a manifest .*Received: .*jsonl"):
        Manifest(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no flock")
def test_two_batches_do_not_work_in_one_folder(tmp_path):
    with Manifest(tmp_path).locked():
        with (
            pytest.raises(KerasDipError, match="no other batch is at work"),
            Manifest(tmp_path).locked(),
        ):
            pass
    with Manifest(tmp_path).locked():
        pass
