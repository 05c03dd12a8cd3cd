"""Acquisition, joining, files in the way; and whatever may be imported, no traceback."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cloudify_scipion.cli import import_
from cloudify_scipion.cli.main import main
from cloudify_scipion.project.importing import database as database_module
from cloudify_scipion.project.importing.acquisition import find_acquisition
from cloudify_scipion.project.importing.database import read_database
from cloudify_scipion.project.importing.join import join
from cloudify_scipion.project.importing.model import Reading

from .samples import catalogue, protocol

MOVIES = {"voltage": 300.0, "sphericalAberration": 2.7, "samplingRate": 0.5, "magnification": 100000}


@pytest.fixture(autouse=True)
def own_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    known = catalogue()
    monkeypatch.setattr(import_, "load_catalogue", lambda: known)
    monkeypatch.setattr("cloudify_scipion.adapters.files.os.fsync", lambda _: None)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["import", *(str(argument) for argument in arguments)])


def acquisition(*protocols: dict[str, Any]) -> dict[str, Any]:
    return {fact.path.removeprefix("$.acquisition."): fact.value for fact in find_acquisition(protocols)[0]}


def test_acquisition_of_movies() -> None:
    movies = protocol(
        "ProtImportMovies", **MOVIES, amplitudeContrast="0.1", dosePerFrame=1.2, numberOfIndividualFrames=40
    )
    assert acquisition(movies) == {
        "voltage_kv": 300, "spherical_aberration_mm": 2.7, "amplitude_contrast": 0.1, "magnification": 100000,
        "pixel_size_angstrom": 0.5, "dose_per_frame": 1.2, "frames": 40,
    }  # fmt: skip


def test_pixels_of_a_scanner() -> None:
    movies = protocol("ProtImportMovies", **MOVIES, samplingRateMode=1, scannedPixelSize=5.0)
    assert acquisition(movies)["pixel_size_angstrom"] == 0.5


@pytest.mark.parametrize("value", [0, -1, None, True, "", "high", float("inf"), 1e9, [300], {}, 10**400])
def test_values_that_cannot_be_are_left_out(value: Any) -> None:
    assert "voltage_kv" not in acquisition(protocol("ProtImportMovies", **{**MOVIES, "voltage": value}))


def test_the_largest_box_counts_as_it_is_extracted() -> None:
    small = protocol("ProtRelionExtractParticles", 2, boxSize=400, doRescale=True, rescaledSize=100)
    large = protocol("XmippProtExtractParticles", 3, boxSize=256)
    assert acquisition(small) == {"box_size": 100}
    assert acquisition(small, large) == acquisition(large, small) == {"box_size": 256}
    assert acquisition(protocol("SphireProtCRYOLOPicking", boxSize=64)) == {}
    assert acquisition(protocol("ProtExtractCoords", boxSize=64)) == {}


def test_the_box_of_imported_coordinates_counts_where_nothing_is_extracted() -> None:
    coordinates = protocol("ProtImportCoordinates", 2, boxSize=300)
    assert acquisition(coordinates) == {"box_size": 300}
    extracted = protocol("ProtRelionExtractParticles", 3, boxSize=280, doRescale="false", rescaledSize=64)
    assert acquisition(coordinates, extracted) == {"box_size": 280}
    assert acquisition(coordinates, extracted | {"doRescale": "True"}) == {"box_size": 64}


def test_sizes_of_sets_that_the_export_tells() -> None:
    sets = [{"outputType": "SetOfParticles", "outputSize": size} for size in (60, 160)]
    assert acquisition(protocol("ProtAny", output=sets)) == {"particles": 160}


def test_imports_that_disagree_are_a_question() -> None:
    found, decisions = find_acquisition(
        [
            protocol("ProtImportMovies", 2, **MOVIES),
            protocol("ProtImportMovies", 3, **{**MOVIES, "voltage": 200, "samplingRate": 0.8}),
            protocol("ProtImportParticles", 4, **{**MOVIES, "voltage": 300, "samplingRate": 2.0}),
        ]
    )
    assert [fact.path for fact in found] == ["$.acquisition.spherical_aberration_mm", "$.acquisition.magnification"]
    assert [(item.path, item.message) for item in decisions[:2]] == [
        (
            "$.acquisition.voltage_kv",
            "ProtImportMovies 2 says 300, ProtImportMovies 3 says 200: none was taken, write the right one",
        ),
        (
            "$.acquisition.pixel_size_angstrom",
            "ProtImportMovies 2 says 0.5, ProtImportMovies 3 says 0.8: none was taken, write the right one",
        ),
    ]
    # What is open is asked once.
    assert [item.message for item in decisions[2:]] == [
        "the workflow does not tell detector, frames, super_resolution, movies, dose_per_frame; `choose` works the"
        " needs out from it"
    ]


@pytest.mark.parametrize(
    ("classes", "pixels"),
    [
        (["ProtImportParticles", "ProtImportMicrographs", "ProtImportMovies"], 3),
        (["ProtImportParticles", "ProtImportMicrographs"], 2),
        (["ProtImportAverages", "ProtImportParticles"], 2),
        (["ProtImportVolumes", "ProtImportMask", "ProtImportAverages"], None),
    ],
)
def test_pixels_are_those_of_what_the_project_starts_from(classes: list[str], pixels: float | None) -> None:
    imports = [protocol(name, number, samplingRate=number) for number, name in enumerate(classes, 1)]
    assert acquisition(*imports).get("pixel_size_angstrom") == pixels


@pytest.mark.parametrize("name", ["ProtImportMicrographs", "ProtImportParticles"])
def test_acquisition_without_movies(name: str) -> None:
    values = {**MOVIES, "samplingRateMode": "1", "scannedPixelSize": "14.0", "magnification": 70000, "dosePerFrame": 9}
    assert acquisition(protocol(name, **values)) == {
        "voltage_kv": 300, "spherical_aberration_mm": 2.7, "magnification": 70000, "pixel_size_angstrom": 2,
    }  # fmt: skip


def test_what_a_form_hides_says_nothing() -> None:
    averages = protocol("ProtImportAverages", 2, **{**MOVIES, "voltage": 120})
    movies = protocol("ProtImportMovies", 3, **MOVIES, inputIndividualFrames=False, numberOfIndividualFrames=7)
    found = acquisition(averages, movies)
    assert found["voltage_kv"] == 300 and "frames" not in found


def test_the_dose_of_a_tilt_image_is_not_that_of_a_frame() -> None:
    assert "dose_per_frame" not in acquisition(protocol("ProtImportTsMovies", **MOVIES, dosePerFrame=3.0))


def test_joining_changes_only_ids_that_are_taken() -> None:
    first = Reading("a", (protocol("A", 2), protocol("B", 70, inputMovies="2.outputMovies")))
    apart = Reading("b", (protocol("C", 9), protocol("D", 10, inputSet="9.outputSet")))
    clash = Reading(
        "c",
        (
            protocol("E", 2, file="2.mrc", timeout="30", other="30"),
            protocol(
                "F", 30, inputMovies="2.__attribute__outputMovies", inputProtocols=["2", "30"], _prerequisites="2 30",
                inputObject="2.", elsewhere="77.outputX", output=[{"outputName": "30.outputX"}],
            ),
        ),
    )  # fmt: skip
    assert join([first, apart]) == ([*first.protocols, *apart.protocols], [])
    joined, decisions = join([first, clash])
    assert joined[:2] == list(first.protocols)
    assert joined[2] == clash.protocols[0] | {"object.id": "72"}
    assert joined[3] == clash.protocols[1] | {
        "object.id": "100", "inputMovies": "72.__attribute__outputMovies", "inputProtocols": ["72", "100"],
        "_prerequisites": "72 100", "inputObject": "72.",
    }  # fmt: skip
    assert [decision.message for decision in decisions] == [
        "protocols of c have new ids, since the old ones were taken: 2 is now 72, and so on",
        "timeout of protocol 72 (c) is '30': if it means protocol 30, write '100'; it was left as it is",
        "other of protocol 72 (c) is '30': if it means protocol 30, write '100'; it was left as it is",
    ]


def write(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value))
    return path


def test_nothing_is_overwritten_unless_asked(tmp_path: Path) -> None:
    export = write(tmp_path / "e.json", [protocol("ProtImportMovies")])
    for name in ("p.json", "p.workflow.json"):
        (tmp_path / name).write_text("mine")
        refused = run(export, "-o", tmp_path / "p.json")
        assert refused.exit_code == 2
        assert f"{tmp_path}/{name}\n  $: the file is there already: give another name, or --force" in refused.stderr
        assert (tmp_path / name).read_text() == "mine"
        assert run(export, "-o", tmp_path / "p.json", "--force").exit_code == 0
        assert (tmp_path / name).read_text() != "mine"
        for written in ("p.json", "p.workflow.json"):
            (tmp_path / written).unlink()
    for output in ("e.json", "x/../e.json"):
        (tmp_path / "x").mkdir(exist_ok=True)
        before = export.read_bytes()
        refused = run(export, "-o", tmp_path / output, "--force")
        assert "this is what is imported: give another name with -o" in refused.stderr
        assert export.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e.json", "x"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        *((name, "this is a folder, not a file") for name in ("", ".", "..", "/")),
        *((name, "this name cannot be used: give another with -o") for name in ("a\udcff.json", "a\nb.json")),
    ],
)
def test_names_that_no_project_file_has(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = run(write(tmp_path / "w.json", [protocol("ProtImportMovies")]), "-o", name)
    assert said.exit_code == 2
    assert f"$: {message}" in said.output
    assert [path.name for path in tmp_path.iterdir()] == ["w.json"]


def test_names_that_are_too_long(tmp_path: Path) -> None:
    said = run(write(tmp_path / "w.json", [protocol("ProtImportMovies")]), "x" * 300, "-o", tmp_path / ("y" * 300))
    assert said.exit_code == 2
    assert said.output.count("File name too long") == 3
    assert "it cannot be read: " in said.output


def test_a_link_that_leads_nowhere_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "p.json").symlink_to("none")
    said = run(write(tmp_path / "w.json", [protocol("ProtImportMovies")]), "-o", tmp_path / "p.json")
    assert said.exit_code == 2
    assert "the file is there already" in said.output


def test_everything_is_said_at_once(tmp_path: Path) -> None:
    template = tmp_path / "t.json.template"
    template.write_text('[{"object.className": 3, "a": ~A||3~}]')
    nothing, broken = tmp_path / "none.json", tmp_path / "b.json"
    broken.write_text("{")
    result = run(
        template, nothing, broken, broken, "-o", tmp_path / "o.json", "--id", "Ü", "--size-gb", "0", "--set", "x"
    )
    assert result.exit_code == 2
    cut_off = "not JSON: Expecting property name enclosed in double quotes (line 1, column 2); the text ends too early"
    assert [line for line in result.stderr.splitlines() if not line.startswith("  $.id: ")] == [
        "--set",
        "  $: 'x' is not LABEL=VALUE. Example: --set voltage=300",
        f"{broken}",
        *[f"  $: {cut_off}"] * 2,
        "  $: it is given twice",
        f"{nothing}",
        "  $: there is no such file",
        f"{tmp_path}/o.json",
        "  $.volume.size_gb: 0 is not allowed. Its size in GB (10^9 bytes): a whole number from 1 to 65536."
        " The nearest allowed is 1.",
        f"{template}",
        "  $: line 1: 'A' asks for a whole number, and it has no default: answer with --set 'A=VALUE'",
        "  $[0]['object.className']: 3 is not a valid object.className. Example: \"ProtImportMovies\"",
        "  $[0]['object.id']: this is missing. Example: \"2\"",
        "10 problems",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.json", "t.json.template"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "it is not UTF-8 text: byte 1"),
        (b"", "the file is empty"),
        (b"{}", "a workflow is a list of protocols, as Scipion exports it"),
        (b"\xef\xbb\xbf[1]", "a protocol is a mapping (an object) with object.className and object.id"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b'[{"object.className": "A", "object.id": "2", "x": NaN}]', "nan is not a number that JSON knows"),
        (b"x" * 20_000_001, "the file is larger than 20,000,000 bytes"),
        (b"[{~" + b"|" * 3_000_000, "not JSON: Expecting property name enclosed in double quotes (line 1, column 3)"),
    ],
    ids=["latin", "empty", "mapping", "bom", "deep", "nan", "large", "bars"],
)
@pytest.mark.parametrize("name", ["w.json", "w.json.template"])
def test_bad_files(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    result = run(tmp_path / name, "-o", tmp_path / "o.json")
    assert result.exit_code == 2
    assert f": {message}" in result.stderr


def test_odd_folders_and_databases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "_MAX_STEPS", 100)
    database = tmp_path / "project.sqlite"
    assert read_database(database) == "there is no project.sqlite"
    database.write_text("no database")
    assert read_database(database) == (
        "project.sqlite cannot be read as a project of Scipion 3 (file is not a database)"
    )
    database.unlink()
    with closing(sqlite3.connect(database)) as connection:
        endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        columns = "i AS id, NULL AS parent_id, '' AS name, '' AS classname, '' AS value, '' AS label, '' AS comment"
        connection.execute(f"CREATE VIEW Objects AS {endless} SELECT {columns} FROM n ORDER BY i DESC")
    assert read_database(database) == "project.sqlite cannot be read as a project of Scipion 3 (interrupted)"
    (tmp_path / "project.sqlite-journal").touch()
    assert "in the middle of a change" in str(read_database(database))
    logs = tmp_path / "Runs/000002_ProtX/logs"
    logs.mkdir(parents=True)
    os.mkfifo(logs / "run.stdout")  # reading it would wait for ever
    result = run(tmp_path, "-o", tmp_path / "o.json")
    assert result.exit_code == 2
    assert "no workflow was found: project.sqlite is in use" in result.stderr


TEXT = st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.sampled_from(["2.outputX", "9.", "~a|1|4~"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    [
        "voltage",
        "sphericalAberration",
        "samplingRate",
        "magnification",
        "boxSize",
        "doRescale",
        "output",
        "plugin",
        "pluginVersion",
        "pluginBinaryVersion",
        "binFactor",
        "inputMovies",
        "filesPath",
        "_prerequisites",
        "object.label",
        "samplingRateMode",
    ]
)
CLASSES = st.sampled_from(["ProtImportMovies", "ProtRelionExtractParticles", "Prot3DFSC", "ProtUnknown"])
PROTOCOLS = st.builds(
    lambda name, number, more: protocol(name, number, **more),
    CLASSES, st.integers(1, 5), st.dictionaries(KEYS, JSON | st.floats(), max_size=6),
)  # fmt: skip
QUICK = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


def imported(contents: list[bytes], name: str, more: list[str]) -> None:
    """Import files of these contents: an answer, or problems, and no traceback; nothing is written beside an answer."""
    with TemporaryDirectory() as folder:
        paths = [Path(folder, f"{index}{name}") for index in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        result = run(*paths, "-o", f"{folder}/out/p.json", *more)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code in (0, 2)
        assert Path(folder, "out").exists() == (result.exit_code == 0)
        if result.exit_code == 0:
            assert run(*paths, "-o", f"{folder}/out/q.json", *more, "--json").exit_code == 0


@given(JSON | st.lists(JSON, max_size=3), st.sampled_from([".json", ".json.template"]))
@QUICK
def test_any_json(value: Any, name: str) -> None:
    imported([json.dumps(value).encode()], name, [])


@given(st.lists(st.lists(PROTOCOLS, max_size=3, unique_by=lambda item: item["object.id"]), min_size=1, max_size=3))
@QUICK
def test_any_protocols(workflows: list[Any]) -> None:
    imported([json.dumps(workflow).encode() for workflow in workflows], ".json", [])


@given(TEXT, st.lists(TEXT, max_size=3), TEXT, st.sampled_from([".json", ".json.template"]))
@example("~a|1|4|b~", ["b=2"], "]", ".json.template")
@QUICK
def test_any_text(before: str, settings_given: list[str], after: str, name: str) -> None:
    text = (
        f'{before}[{{"object.className": "ProtImportMovies", "object.id": "2", "x": "{before}", "y": {before}}}{after}'
    )
    more = [part for setting in settings_given for part in ("--set", setting)]
    imported([text.encode(errors="replace")], name, [*more, f"--title={before}", f"--id={after}"])
