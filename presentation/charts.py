"""Charts as SVG: limits beside what is tolerable, a boundary, dots on their intervals, counts.

Every text is escaped. There are no style attributes, which the content security policy forbids;
classes have colours in the style sheet. The label of a picture states what it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from markupsafe import Markup

from lazy_dataclasses import dataclass

WIDTH = 640


def picture(label: str, height: float, parts: Sequence[Markup], width: float = WIDTH) -> Markup:
    """An SVG of these parts for people who see it, and a label for those who don't."""
    return Markup(
        '<svg class="picture" role="img" aria-label="{}" width="{}" height="{}" '
        'viewBox="0 0 {} {}">{}</svg>'
    ).format(label, width, height, width, height, Markup("").join(parts))


def shorten(text: str, length: int = 18) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _wide(label: str, height: float, parts: Sequence[Markup]) -> Markup:
    """A picture whose texts are larger where it is shown small."""
    grouped = Markup('<g class="wide">{}</g>').format(Markup("").join(parts))
    return picture(label, height, [grouped])


@dataclass(frozen=True)
class Bar:
    """A bar: its length and its words."""

    label: str
    value: float
    text: str
    style: str = "sample"


@dataclass(frozen=True)
class LimitChart:
    """Bars, negative ones to the left of 0, and what is tolerable as a line through them.

    The label and the value of a bar are above it, so that no text is under a bar on a phone, where
    texts are larger.
    """

    title: str
    bars: Sequence[Bar]
    tolerable: Bar | None
    legend: str = ""

    STEP, TEXT, BAR, HEIGHT = 48, 18, 26, 12

    def svg(self) -> Markup:
        bars = [*self.bars, *([] if self.tolerable is None else [self.tolerable])]
        least = min((bar.value for bar in bars if bar.value < 0), default=0.0)
        largest = max((bar.value for bar in bars if bar.value > 0), default=0.0)
        scale = (WIDTH - 2) / ((largest - least) or 1.0)
        zero = 1 - least * scale
        parts = []
        for place, bar in enumerate(bars):
            y = place * self.STEP
            parts.append(
                Markup(
                    '<text x="0" y="{}">{}</text>'
                    '<rect class="{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>'
                    '<text x="{}" y="{}" text-anchor="end">{}</text>'
                ).format(
                    *(y + self.TEXT, bar.label, bar.style, zero + min(bar.value, 0.0) * scale),
                    *(y + self.BAR, abs(bar.value) * scale, self.HEIGHT),
                    *(WIDTH, y + self.TEXT, bar.text),
                )
            )
            if self.tolerable is not None:
                x = f"{zero + self.tolerable.value * scale:.1f}"
                line = Markup('<line class="bound" x1="{}" x2="{}" y1="{}" y2="{}"/>')
                parts.append(line.format(x, x, y + self.BAR - 2, y + self.BAR + self.HEIGHT + 2))
        listed = ", ".join(f"{bar.label} {bar.text}" for bar in bars)
        return _wide(f"{self.title}: {listed}", self.STEP * len(bars), parts)


@dataclass(frozen=True)
class Curve:
    """A curve of a boundary: values by numbers of examined items; None where there is none."""

    style: str
    points: Sequence[tuple[int, float | None]]


@dataclass(frozen=True)
class BoundaryChart:
    """Curves over the examined items, from 0 to ``last``.

    Parameters
    ----------
    axis : tuple of str
        The names of y and x.
    ticks : sequence of tuple
        Values of y with their texts; the largest is the top.
    legend : str
        What each kind of line means.
    """

    title: str
    label: str
    curves: Sequence[Curve]
    last: int
    axis: tuple[str, str]
    ticks: Sequence[tuple[float, str]]
    legend: str

    HEIGHT, LEFT, BOTTOM, TOP = 240, 70, 30, 8

    def svg(self) -> Markup:
        top = max(value for value, _ in self.ticks)
        floor, left = self.HEIGHT - self.BOTTOM, self.LEFT
        across, up = (WIDTH - left) / max(self.last, 1), (floor - self.TOP) / (top or 1.0)
        parts = [
            Markup('<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(*ends)
            for ends in ((left, WIDTH, floor, floor), (left, left, self.TOP, floor))
        ]
        for curve in self.curves:
            points = " ".join(
                f"{left + size * across:.1f},{floor - min(value, top) * up:.1f}"
                for size, value in curve.points
                if value is not None
            )
            if points:
                line = Markup('<polyline class="{}" points="{}"/>')
                parts.append(line.format(curve.style, points))
        texts = [
            *(
                (left - 6, max(floor - value * up + 4, self.TOP + 8), "end", text)
                for value, text in self.ticks
            ),
            (left + 6, self.TOP + 12, "start", self.axis[0]),
            (left, self.HEIGHT - 8, "middle", "0"),
            (WIDTH, self.HEIGHT - 8, "end", f"{self.last:,}"),
            ((WIDTH + left) / 2, self.HEIGHT - 8, "middle", self.axis[1]),
        ]
        text_of = Markup('<text x="{}" y="{:.1f}" text-anchor="{}">{}</text>')
        parts += [text_of.format(*text) for text in texts]
        return _wide(self.label, self.HEIGHT, parts)


@dataclass(frozen=True)
class Interval:
    """A dot on its interval, in the numbers and in the words of the page."""

    label: str
    value: float
    low: float
    high: float
    text: str
    truth: float | None = None


@dataclass(frozen=True)
class IntervalChart:
    """Estimates as dots on their intervals, and true values as bars.

    ``ticks`` are the texts of the axis' ends, smallest and largest value; ``reference`` is a value
    with a line through all, such as no difference. ``is_wide``: its texts are larger where it is
    shown small.
    """

    title: str
    lines: Sequence[Interval]
    ticks: Sequence[str]
    legend: str = ""
    reference: float | None = None
    is_wide: bool = False

    WIDE_LABEL, WIDE_VALUE = 220, 120
    LABEL, STEP, VALUE, AXIS, TICK = 150, 26, 90, 24, 60

    def svg(self) -> Markup:
        first, last = axis_of(self.lines, self.reference)
        left = self.WIDE_LABEL if self.is_wide else self.LABEL
        right = WIDTH - (self.WIDE_VALUE if self.is_wide else self.VALUE)
        scale = (right - left) / (last - first)
        height = self.STEP * len(self.lines)
        axis = Markup('<line class="axis" x1="{}" x2="{}" y1="0" y2="{}"/>')
        tick = Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>')
        places: list[float] = [left, right]
        ends = [*zip(places, ("start", "end"), self.ticks, strict=True)]
        if self.reference is not None:
            at = round(left + (self.reference - first) * scale, 1)
            places.append(at)
            if left + self.TICK < at < right - self.TICK:
                ends.append((at, "middle", f"{self.reference:g}"))
        parts = [axis.format(place, place, height) for place in places]
        parts += [tick.format(place, height + 14, anchor, text) for place, anchor, text in ends]
        for row, line in enumerate(self.lines):
            middle = row * self.STEP + self.STEP / 2
            value, low, high = (
                f"{left + (end - first) * scale:.1f}" for end in (line.value, line.low, line.high)
            )
            truth = Markup("")
            if line.truth is not None:
                truth = Markup(
                    '<rect class="population" x="{:.1f}" y="{}" width="3" height="16"/>'
                ).format(left + (line.truth - first) * scale - 1.5, middle - 8)
            parts.append(
                Markup(
                    '<text x="0" y="{below}">{}<title>{}</title></text>{}'
                    '<line class="line" x1="{}" x2="{}" y1="{middle}" y2="{middle}"/>'
                    '<circle class="sample" cx="{}" cy="{middle}" r="4.5"><title>{text}</title>'
                    '</circle><text x="{}" y="{below}" text-anchor="end">{text}</text>'
                ).format(
                    *(shorten(line.label, 22), line.label, truth, low, high, value, WIDTH),
                    below=middle + 4,
                    middle=middle,
                    text=line.text,
                )
            )
        listed = ", ".join(f"{shorten(line.label)} {line.text}" for line in self.lines)
        draw = _wide if self.is_wide else picture
        return draw(f"{self.title}: {listed}", height + self.AXIS, parts)


@dataclass(frozen=True)
class ConfusionCell:
    """A cell of truth and flag: its texts, and its part of the rows of its truth, 0 to 1."""

    text: str
    interval: str
    share: float
    is_right: bool


@dataclass(frozen=True)
class ConfusionChart:
    """Truth by flag as a table of cells, each with a bar; ``cells`` are by truth, then by flag."""

    title: str
    truths: Sequence[str]
    flags: Sequence[str]
    cells: Sequence[Sequence[ConfusionCell]]
    legend: str = ""

    LEFT, TOP, STEP, BAR, GAP, FEW = 120, 34, 92, 12, 8, 3

    def svg(self) -> Markup:
        width = (WIDTH - self.LEFT) / len(self.flags)
        has_intervals = len(self.flags) <= self.FEW
        text = Markup('<text x="{:.1f}" y="{}" text-anchor="{}">{}<title>{}</title></text>')
        box = Markup('<rect class="{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>')
        length = 22 if has_intervals else 10
        parts = []
        for at, flag in enumerate(self.flags):
            middle = self.LEFT + (at + 0.5) * width
            parts.append(text.format(middle, self.TOP - 12, "middle", shorten(flag, length), flag))
        for row, (truth, line) in enumerate(zip(self.truths, self.cells, strict=True)):
            y = self.TOP + row * self.STEP
            parts.append(text.format(0, y + 36, "start", shorten(truth, 10), truth))
            for at, (flag, cell) in enumerate(zip(self.flags, line, strict=True)):
                x, inner = self.LEFT + at * width, width - self.GAP
                middle = x + inner / 2
                style = "sample" if cell.is_right else "population"
                floor = y + self.STEP - self.GAP - self.BAR
                parts.append(box.format("ground", x, floor, inner, self.BAR))
                parts.append(box.format(style, x, floor, inner * cell.share, self.BAR))
                full = f"{truth}, {flag}: {cell.text} ({cell.interval})"
                parts.append(text.format(middle, y + 28, "middle", cell.text, full))
                if has_intervals:
                    parts.append(text.format(middle, y + 56, "middle", cell.interval, full))
        listed = "; ".join(
            f"{truth}, {flag} {cell.text}"
            for truth, line in zip(self.truths, self.cells, strict=True)
            for flag, cell in zip(self.flags, line, strict=True)
        )
        height = self.TOP + self.STEP * len(self.truths)
        return _wide(f"{self.title}: {listed}", height, parts)


def axis_of(lines: Sequence[Interval], reference: float | None = None) -> tuple[float, float]:
    """The smallest and the largest value that is drawn."""
    ends = [
        end
        for line in lines
        for end in (line.low, line.high, line.value, line.truth, reference)
        if end is not None
    ]
    first, last = min(ends), max(ends)
    return (first, last) if first < last else (first - 1.0, last + 1.0)


@dataclass(frozen=True)
class TrendPoint:
    """A run: its label, its figure and the ends of its interval, and all of it as a text.

    ``is_open`` draws a circle in place of a dot, for a figure that may still change.
    """

    label: str
    value: float
    low: float | None
    high: float | None
    text: str
    is_open: bool = False


@dataclass(frozen=True)
class TrendChart:
    """Figures over time as dots on upright intervals, with a line for that of all together.

    ``ticks`` are the texts of the smallest and the largest value.
    """

    title: str
    points: Sequence[TrendPoint]
    ticks: Sequence[str]
    pooled: float | None = None
    legend: str = ""

    HEIGHT, TOP, BOTTOM, LEFT, LABEL = 220, 12, 30, 80, 56

    def svg(self) -> Markup:
        ends = [
            end
            for each in self.points
            for end in (each.low, each.high, each.value, self.pooled)
            if end is not None
        ]
        first, last = min(ends), max(ends)
        first, last = (first, last) if first < last else (first - 1.0, last + 1.0)
        floor = self.HEIGHT - self.BOTTOM
        scale = (floor - self.TOP) / (last - first)
        step = (WIDTH - self.LEFT) / len(self.points)
        every = max(round(self.LABEL / step + 0.5), 1)

        def y(value: float) -> str:
            return f"{floor - (value - first) * scale:.1f}"

        line = Markup('<line class="{}" x1="{:.1f}" x2="{:.1f}" y1="{}" y2="{}"/>')
        text = Markup('<text x="{:.1f}" y="{}" text-anchor="{}">{}</text>')
        parts = [line.format("axis", self.LEFT, WIDTH, end, end) for end in (floor, self.TOP)]
        parts += [
            text.format(self.LEFT - 6, at + 4, "end", tick)
            for at, tick in zip((floor, self.TOP), self.ticks, strict=True)
        ]
        if self.pooled is not None:
            parts.append(line.format("bound", self.LEFT, WIDTH, y(self.pooled), y(self.pooled)))
        for place, point in enumerate(self.points):
            x = self.LEFT + (place + 0.5) * step
            if point.low is not None and point.high is not None:
                parts.append(line.format("line", x, x, y(point.low), y(point.high)))
            parts.append(
                Markup(
                    '<circle class="{}" cx="{:.1f}" cy="{}" r="4.5"><title>{}</title></circle>'
                ).format("open" if point.is_open else "sample", x, y(point.value), point.text)
            )
            if place % every == 0:
                parts.append(text.format(x, self.HEIGHT - 10, "middle", point.label))
        listed = "; ".join(point.text for point in self.points)
        return _wide(f"{self.title}: {listed}", self.HEIGHT, parts)


@dataclass(frozen=True)
class WavePart:
    """The rows of a wave that came in one wave and stayed since; ``style`` is that of its mark."""

    since: int
    size: int
    style: str
    text: str


@dataclass(frozen=True)
class WaveColumn:
    """A wave: its parts, the oldest first, and the texts above and below it."""

    label: str
    parts: Sequence[WavePart]
    above: str
    below: str

    @property
    def size(self) -> int:
        """The rows of all parts."""
        return sum(part.size for part in self.parts)


@dataclass(frozen=True)
class WaveChart:
    """Waves of a panel as columns of cohorts, with bands for the rows that stay."""

    title: str
    columns: Sequence[WaveColumn]
    legend: str = ""

    HEIGHT, TOP, BOTTOM, BAR, MOST = 220, 24, 50, 34, 150

    def svg(self) -> Markup:
        step = min(WIDTH / max(len(self.columns), 1), self.MOST)
        largest = max((column.size for column in self.columns), default=1) or 1
        scale = (self.HEIGHT - self.TOP - self.BOTTOM) / largest
        floor = self.HEIGHT - self.BOTTOM
        parts: list[Markup] = []
        before: dict[int, tuple[float, float]] = {}
        for place, column in enumerate(self.columns):
            middle = place * step + step / 2
            left, y = middle - self.BAR / 2, float(floor)
            ends: dict[int, tuple[float, float]] = {}
            for part in column.parts:
                height = part.size * scale
                if part.since in before and part.since not in ends:
                    was_low, was_high = before[part.since]
                    x = left - step + self.BAR
                    band = Markup('<polygon class="ground" points="{}"/>')
                    corners = ((x, was_low), (x, was_high), (left, y - height), (left, y))
                    parts.append(band.format(" ".join(f"{a:.1f},{b:.1f}" for a, b in corners)))
                low, _ = ends.get(part.since, (y, y))
                ends[part.since] = (low, y - height)
                bar = Markup(
                    '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{}" height="{:.1f}">'
                    "<title>{}</title></rect>"
                )
                parts.append(
                    bar.format(
                        *(part.style, left, y - height + 0.5, self.BAR),
                        *(max(height - 1, 0.5), part.text),
                    )
                )
                y -= height
            before = ends
            text = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>')
            parts += [
                text.format(middle, y - 6, column.above),
                text.format(middle, floor + 18, column.label),
                text.format(middle, floor + 40, column.below),
            ]
        listed = "; ".join(
            f"{column.label}: {', '.join(part.text for part in column.parts)}"
            for column in self.columns
        )
        return _wide(f"{self.title}. {listed}", self.HEIGHT, parts)


@dataclass(frozen=True)
class CountsChart:
    """Counts by two answers as squares, whose areas are in proportion to the counts.

    Parameters
    ----------
    words : sequence of str
        The answers, of the rows and of the columns.
    counts : sequence of sequence of int
        By row, then by column. Equal answers are on the diagonal, in another colour.
    axis : pair of str
        The names of the rows and of the columns.
    """

    title: str
    words: Sequence[str]
    counts: Sequence[Sequence[int]]
    axis: tuple[str, str]
    legend: str = "Squares on the diagonal are equal answers; areas are numbers of rows."

    LABEL, STEP, HEAD = 150, 60, 44

    def svg(self) -> Markup:
        step = min(self.STEP, (WIDTH - self.LABEL) / max(len(self.words), 1))
        largest = max((count for line in self.counts for count in line), default=1) or 1
        text = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
        parts = [
            text.format(0, self.HEAD - 6, "start", f"{self.axis[0]} ↓"),
            text.format(self.LABEL, 14, "start", f"{self.axis[1]} →"),
        ]
        for row, word in enumerate(self.words):
            middle = self.HEAD + (row + 0.5) * step
            place = self.LABEL + (row + 0.5) * step
            parts.append(text.format(0, middle + 4, "start", shorten(word)))
            parts.append(
                text.format(place, self.HEAD - 6, "middle", shorten(word, max(int(step / 8), 2)))
            )
            parts += [
                self._square(row, column, step, sqrt(count / largest))
                for column, count in enumerate(self.counts[row])
                if count
            ]
        height = self.HEAD + step * len(self.words)
        listed = "; ".join(self._words_of(row, column) for row, column in self._cells())
        return picture(f"{self.title}: {listed}", height, parts)

    def _cells(self) -> list[tuple[int, int]]:
        return [
            (row, column)
            for row, line in enumerate(self.counts)
            for column, count in enumerate(line)
            if count
        ]

    def _words_of(self, row: int, column: int) -> str:
        return f"{self.words[row]}, {self.words[column]}: {self.counts[row][column]:,}"

    def _square(self, row: int, column: int, step: float, share: float) -> Markup:
        side = max(share * (step - 6), 2.0)
        return Markup(
            '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">'
            "<title>{}</title></rect>"
        ).format(
            "sample" if row == column else "population",
            self.LABEL + (column + 0.5) * step - side / 2,
            self.HEAD + (row + 0.5) * step - side / 2,
            *(side, side),
            self._words_of(row, column),
        )


@dataclass(frozen=True)
class ExpectedBar:
    """A column: a count, what is expected of it if that is known, and its words.

    The part that a test found has a colour of its own; ``is_marked`` puts a sign above it, so that
    it differs not by its colour alone.
    """

    label: str
    value: float
    text: str
    expected: float | None = None
    found: float = 0
    is_marked: bool = False


@dataclass(frozen=True)
class ColumnsChart:
    """Counts as columns, with the expected counts as a dashed curve."""

    title: str
    bars: Sequence[ExpectedBar]
    legend: str = ""

    HEIGHT, TOP, BOTTOM, MOST, LABELS = 200, 18, 24, 80, 13

    def svg(self) -> Markup:
        step = min(WIDTH / max(len(self.bars), 1), self.MOST)
        largest = max((max(bar.value, bar.expected or 0) for bar in self.bars), default=0) or 1
        floor = self.HEIGHT - self.BOTTOM
        scale = (floor - self.TOP) / largest
        every = -(-len(self.bars) // self.LABELS)
        text = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>')
        parts: list[Markup] = []
        curve: list[str] = []
        for place, bar in enumerate(self.bars):
            middle, height = (place + 0.5) * step, bar.value * scale
            for name, part in (("ground", height), ("sample", bar.found * scale)):
                if part or name == "ground":
                    parts.append(
                        Markup(
                            '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" '
                            'height="{:.1f}"><title>{}</title></rect>'
                        ).format(
                            name, middle - step * 0.35, floor - part, step * 0.7, part, bar.text
                        )
                    )
            if bar.is_marked:
                parts.append(text.format(middle, floor - height - 4, "▲"))
            if place % every == 0:
                parts.append(text.format(middle, self.HEIGHT - 6, shorten(bar.label, 12)))
            if bar.expected is not None:
                curve.append(f"{middle:.1f},{floor - bar.expected * scale:.1f}")
        parts.append(
            Markup('<line class="axis" x1="0" x2="{}" y1="{}" y2="{}"/>').format(
                WIDTH, floor, floor
            )
        )
        if curve:
            parts.append(Markup('<polyline class="bound" points="{}"/>').format(" ".join(curve)))
        listed = "; ".join(bar.text for bar in self.bars)
        return _wide(f"{self.title}: {listed}", self.HEIGHT, parts)


@dataclass(frozen=True)
class NumberRange:
    """A range of numbers from ``first`` to ``last``, and the parts of it that are missing."""

    label: str
    first: int
    last: int
    gaps: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class RangesChart:
    """Ranges of numbers as strips, each from its own first to its own last number."""

    title: str
    ranges: Sequence[NumberRange]
    legend: str = ""

    STEP, BAR, HEIGHT, LEAST = 44, 22, 14, 1.5

    def svg(self) -> Markup:
        parts: list[Markup] = []
        text = Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>')
        rect = Markup(
            '<rect class="{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}"><title>{}</title></rect>'
        )
        for place, each in enumerate(self.ranges):
            y = place * self.STEP
            scale = WIDTH / (each.last - each.first + 1)
            ends = f"{each.first} – {each.last}"
            parts += [
                text.format(0, y + 16, "start", shorten(each.label, 40)),
                text.format(WIDTH, y + 16, "end", ends),
                rect.format("ground", 0, y + self.BAR, WIDTH, self.HEIGHT, ends),
            ]
            for first, last in each.gaps:
                x = min((first - each.first) * scale, WIDTH - self.LEAST)
                width = max((last - first + 1) * scale, self.LEAST)
                gap = f"{first}" if first == last else f"{first} – {last}"
                parts.append(
                    rect.format("sample", x, y + self.BAR - 3, width, self.HEIGHT + 6, gap)
                )
        listed = "; ".join(f"{each.label}: {len(each.gaps)}" for each in self.ranges)
        return _wide(f"{self.title}: {listed}", self.STEP * len(self.ranges), parts)
