from __future__ import annotations

import pytest

from edgeemo.benchmarks.report.table import markdown_table, text_table

from ..samples import sample

FIRST = sample(name="float", quantization="float32", ratio=None, p50_ms=0.63, peak_rss_mb=81.0, reasons=())


def test_columns_are_aligned() -> None:
    lines = text_table([FIRST, sample(name="a much longer name")]).splitlines()
    head, rule, first, second = lines[:4]
    assert set(rule) == {"-", " "}
    for column in ("KB", "p50 ms", "p99 ms", "RSS MB"):
        end = head.index(column) + len(column)
        assert first[end - 1] != " "
        assert second[end - 1] != " "
        assert first[end : end + 2] == "  "


@pytest.mark.parametrize(
    "figure", ["0.159", "0.166", "3.05", "0.25 [0.24, 0.27]", "301", "5,000", "78", "60.0% [55.6, 64.2]", "int8"]
)
def test_every_figure_is_there(figure: str) -> None:
    rows = text_table([FIRST, sample()]).splitlines()
    assert figure in rows[3]
    assert f"| {figure} |" in markdown_table([FIRST, sample()])


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0213, "0.0213"), (0.5, "0.500"), (9.999, "10.0"), (99.94, "99.9"), (1234.5, "1,234")]
)
def test_latencies_have_three_digits(value: float, shown: str) -> None:
    assert f" {shown} " in text_table([sample(p50_ms=value)])


def test_a_missing_percentile_is_a_dash_with_its_reason() -> None:
    table = text_table([sample(p99_ms=None, n=320)])
    assert table.splitlines()[2].count("-") == 1
    assert "p99 needs 662 queries (320 were run)" in table


def test_columns_that_nobody_fills_are_left_out() -> None:
    head = text_table([sample(ratio=None, accuracy=None)]).splitlines()[0]
    assert "ratio" not in head
    assert "accuracy" not in head


def test_unreliable_records_are_marked_in_the_row_and_explained_once() -> None:
    records = [FIRST, sample(reasons=("too hot",)), sample(name="b", reasons=("too hot", "busy"))]
    table = text_table(records)
    rows = table.splitlines()[2:5]
    assert ["unreliable" in row for row in rows] == [False, True, True]
    assert table.count("unreliable: too hot") == 1
    assert table.count("unreliable: busy") == 1
    assert "unreliable" not in text_table([FIRST])


def test_notes_name_device_data_and_reference() -> None:
    table = markdown_table([FIRST, sample()])
    assert "- measured on Raspberry Pi 5, 4 cores; ai-edge-litert 2.3.0, 1 thread" in table
    assert "- accuracy: faces.zip, split test, n = 500, 95 % confidence interval" in table
    assert "- ratio: latency over that of first, median [quartiles] of 20 rounds" in table


def test_a_bar_in_a_name_does_not_break_markdown() -> None:
    lines = markdown_table([sample(name="a|b")]).splitlines()
    assert "a\\|b" in lines[2]
    assert lines[2].replace("\\|", "").count("|") == lines[0].count("|")
