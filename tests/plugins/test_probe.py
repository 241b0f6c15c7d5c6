"""Somebody else's metric of the benchmark, installed and used from the command line."""

from __future__ import annotations

import json
from pathlib import Path

from edgeemo.benchmarks.record import read_records

from .venv import edgeemo, plugin_venv

TOY = Path(__file__).parent / "toy_probe.py"


def test_its_figure_is_in_the_record_and_the_tables(tiny_int8: Path, tmp_path: Path) -> None:
    (tmp_path / "plugin").mkdir()
    python = plugin_venv(tmp_path / "plugin", TOY, {"edgeemo.probes": {"page-faults": "toy_probe:PROBE"}})
    report = tmp_path / "report"
    done = edgeemo(python, "benchmark", tiny_int8, "--queries", "20", "--out", report)
    (line,) = (report / "records.jsonl").read_text().splitlines()
    faults = json.loads(line)["metrics"]["page-faults"]
    assert faults["minor"] > 100
    for table in (done.stdout, (report / "table.md").read_text(), (report / "report.html").read_text()):
        assert "page faults" in table
        assert f"{faults['minor']:,}" in table
    # Where the plug-in is not installed, the record is read as any other.
    (record,) = read_records(report / "records.jsonl")
    assert record.metrics == {"page-faults": faults}


def test_a_probe_that_fails_is_named(tiny_int8: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken_probe.py"
    broken.write_text("from edgeemo.benchmarks.probes import Probe\nPROBE = Probe(in_worker=lambda worker: 1 / 0)\n")
    (tmp_path / "plugin").mkdir()
    python = plugin_venv(tmp_path / "plugin", broken, {"edgeemo.probes": {"broken": "broken_probe:PROBE"}})
    done = edgeemo(python, "benchmark", tiny_int8, "--queries", "20", check=False)
    assert done.returncode == 1
    assert "the probe 'broken' failed (ZeroDivisionError: division by zero)" in done.stderr
