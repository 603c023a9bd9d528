"""A fourth kind of detector comes from one module of a user's own, with no edit to the package.

It runs in a process of its own, so that nothing else here meets the kinds and formats that it registers.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest


def run(folder: Path, code: str) -> str:
    head = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    head += "from pathlib import Path\nimport numpy as np\nfrom point_cloud import PointCloud, sample\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", head + textwrap.dedent(code)], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_description_comes_back_from_a_dictionary_and_from_toml(tmp_path: Path) -> None:
    (tmp_path / "cloud.toml").write_text(
        'kind = "point-cloud"\nname = "own"\nvolume = "HGCAL"\nlow = [0, 0, 0]\nhigh = [1, 1, 1]\nn_points = 3\n'
    )
    (tmp_path / "wrong.toml").write_text('kind = "point-cloud"\nname = "own"\nn_point = 3\n')
    code = """
        from moliere.detectors import from_spec, load
        from moliere.errors import DetectorError
        detector = sample(1, 10.0, 0).detector
        assert from_spec(detector.to_spec()) == detector
        assert load("cloud.toml").n_channels == 12
        try:
            load("wrong.toml")
        except DetectorError as error:
            print(error)
    """
    assert "n_point: unknown key; did you mean 'n_points'?" in run(tmp_path, code)


def test_events_are_validated_by_what_the_kind_says(tmp_path: Path) -> None:
    code = """
        from moliere.errors import InvalidEvents
        from moliere.events import Events
        events = sample(50, 10.0, 0)
        assert (events.signals < 0).any(), "positions may be negative"
        assert abs(events.response.mean() - 0.72) < 0.05
        for change in (lambda x: -x, lambda x: x * np.nan, lambda x: x * 1000):
            signals = events.signals.copy()
            signals[:, 3::4] = change(signals[:, 3::4])
            try:
                Events(events.detector, events.incident, signals)
            except InvalidEvents as error:
                print(error)
        assert len(list(events)) == 50
    """
    said = run(tmp_path, code).splitlines()
    assert ["negative" in said[0], "not finite" in said[1], "look like GeV" in said[2]] == [True] * 3


def test_files_stores_and_checks_take_the_kind(tmp_path: Path) -> None:
    code = """
        from moliere.events.check import check_source, write_clean
        from moliere.events.convert import choose_format, convert
        from moliere.events.formats import open_events, read_events
        from moliere.events.store import EventStore
        events = sample(200, 10.0, 0)
        path = Path("a.cloud")
        assert choose_format(path, events.detector.kind) == "cloud-npz"
        assert convert(events, path, "cloud-npz") == []
        assert (read_events(path, events.detector).signals == events.signals).all()
        with EventStore(Path("store"), events) as store:
            assert (store.take([3, 1]).signals == events[[3, 1]].signals).all()
        report = check_source(events)
        assert not report.faults and not [f for f in report.findings if f.severity == "warning"], report.findings
        signals = events.signals.copy()
        signals[7, 3] = 1e5          # more than came in
        signals[9, 0] = 5000         # beside the volume
        signals[11, 3] = np.nan
        signals[13] = signals[12]
        energy = events.energy.copy()
        energy[13] = energy[12]
        np.savez("b.npz", hits=signals, energy=energy)
        Path("b.npz").rename("b.cloud")
        source = open_events("b.cloud", events.detector)
        report = check_source(source)
        print({k: v for k, v in report.reasons.items()})
        print([f.events.tolist() for f in report.findings if f.check == "beyond"])
        assert write_clean(source, report, Path("clean.cloud")) == 197
    """
    said = run(tmp_path, code).splitlines()
    assert said[0] == "{7: 'voxel-above-incident', 11: 'not-finite', 13: 'duplicate'}"
    assert said[1] == "[[9]]"


def test_the_kind_has_its_picture(tmp_path: Path) -> None:
    code = """
        from moliere.report.detector_picture import save_picture
        print(save_picture(sample(1, 10.0, 0).detector, "cloud.svg"))
    """
    assert run(tmp_path, code).strip() == "cloud.svg"


@pytest.mark.parametrize("call", ["Gflash(detector)", "find_suite('calorimeter', detector)"])
def test_who_needs_another_kind_says_so(tmp_path: Path, call: str) -> None:
    code = f"""
        from moliere.errors import MoliereError
        from moliere.evaluation.suites import find_suite
        from moliere.simulators import Gflash
        detector = sample(1, 10.0, 0).detector
        try:
            {call}
        except MoliereError as error:
            print(error)
    """
    assert "alorimeter" in run(tmp_path, code)


@pytest.mark.slow
def test_an_evaluation_finds_its_suite_and_its_page_comes_whole(tmp_path: Path) -> None:
    code = """
        import json
        import point_cloud_suite
        from moliere.evaluation import evaluate
        from moliere.report.html import write_report
        report = evaluate(sample(600, 10.0, 0), sample(600, 14.0, 1), classifier_seeds=1, threads=1)
        assert report.settings["suite"] == "point-cloud"
        assert not [f.kind for f in report.findings if type(f).__name__ == "Failed"], report.warnings
        page = write_report(report, "page").read_text()
        assert "width in x" in page and "number of hits" in page
        found = json.loads(Path("page/report.json").read_text())
        assert found["detector"]["kind"] == "point-cloud"
        print(report.verdict)
    """
    assert run(tmp_path, code).strip()
