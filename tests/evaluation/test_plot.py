"""Reliability plots: what is drawn, and that it can be read on a light and a dark page."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from mailtriage.evaluation.measures import reliability
from mailtriage.evaluation.plot import as_svg, png_is_possible, write_plot

SVG = "{http://www.w3.org/2000/svg}"
BINS = {
    "skill": reliability([(0.95, True), (0.95, True), (0.95, True), (0.95, False), (0.25, False)]),
    "language": reliability([(1.0, True)]),
}


def shapes(svg: str, tag: str, kind: str) -> list[ET.Element]:
    return [one for one in ET.fromstring(svg).iter(f"{SVG}{tag}") if one.get("class") == kind]


def test_one_bar_for_each_bin_that_has_mails_as_high_as_the_share_that_was_right() -> None:
    bars = shapes(as_svg(BINS), "rect", "bar")
    assert [float(bar.get("height", "")) / 260 for bar in bars] == pytest.approx([0.0, 0.75, 1.0])
    assert [count.text for count in shapes(as_svg(BINS), "text", "count")] == ["1", "4", "1"]


def test_a_stroke_at_the_mean_confidence() -> None:
    heights = [
        (300 - float(line.get("y1", ""))) / 260 for line in shapes(as_svg(BINS), "line", "gap")
    ]
    assert heights == pytest.approx([0.25, 0.95, 1.0], abs=0.001)


def test_each_panel_says_its_error_and_number() -> None:
    titles = [title.text for title in shapes(as_svg(BINS), "text", "title")]
    # (4 · |0.75 - 0.95| + 1 · 0.25) / 5
    assert titles == ["skill: ECE 0.210, n = 5", "language: ECE 0.000, n = 1"]


def test_all_is_drawn_within_the_page() -> None:
    root = ET.fromstring(as_svg(BINS))
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    for shape in root.iter():
        for name, bound in (
            ("x", width),
            ("x1", width),
            ("x2", width),
            ("y", height),
            ("y1", height),
        ):
            assert 0 <= float(shape.get(name, "0")) <= bound


def test_there_are_colours_for_a_dark_page() -> None:
    light, _, dark = as_svg(BINS).partition("prefers-color-scheme: dark")
    for kind in (".page", ".bar", ".gap", ".ideal", "text {"):
        assert kind in light
        assert kind in dark


def test_facets_without_mails_are_empty_panels() -> None:
    svg = as_svg({"skill <b>": reliability([])})
    assert [title.text for title in shapes(svg, "text", "title")] == ["skill <b>: no mails"]
    assert not shapes(svg, "rect", "bar")
    assert ET.fromstring(as_svg({})).tag == f"{SVG}svg"


def test_a_file_by_its_suffix(tmp_path: Path) -> None:
    write_plot(tmp_path / "a.SVG", BINS)
    assert (tmp_path / "a.SVG").read_text("utf-8") == as_svg(BINS)
    png = tmp_path / "a.png"
    if png_is_possible():
        write_plot(png, BINS)
        assert png.read_bytes().startswith(b"\x89PNG")
    else:
        with pytest.raises(ImportError):
            write_plot(png, BINS)
        assert not png.exists()
