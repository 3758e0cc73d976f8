"""The design of a sample: what formulas need, as facts, as a table and as code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from jobsvc_client.arguments import checked_keywords
from jobsvc_client.display import facts, heading, paragraph
from jobsvc_client.frames import Library, from_parquet
from jobsvc_client.results import groups_table
from jobsvc_client.transport import Transport

if TYPE_CHECKING:
    import pandas

Program: TypeAlias = Literal["r", "stata", "sas", "python"]


@checked_keywords
class SamplingDesign:
    """How a sample was drawn; ``data`` is the answer of the server.

    ``print(design)`` sums it up, ``to_pandas()`` is the table of the drawn rows with their strata,
    clusters, numbers of units and weights, and ``code("r")`` declares it in another program.
    """

    def __init__(self, transport: Transport, path: str, data: dict[str, Any]) -> None:
        self._transport, self._path = transport, path
        self.data = data
        self.method: str = data["method"]
        """The method; ``rounds`` if several rounds aren't one sample."""
        self.rows: int = data["n"]
        """Drawn rows."""
        self.population: int = data["N"]
        """Rows that could be drawn, without :attr:`uncovered_rows`."""
        self.uncovered_rows: int = data["uncovered_rows"]
        """Rows of strata without a drawn row."""
        self.degrees: int = data["df"]
        """The degrees of freedom of the whole sample."""
        self.filter: str | None = data["filter"]
        self.strata: int | None = data["strata"]
        self.clusters: int | None = data["clusters"]
        self.clusters_drawn: int | None = data["clusters_drawn"]
        self.take_all_rows: int | None = data["take_all_rows"]
        """Rows drawn with certainty."""
        self.steps: list[dict[str, Any]] = data["steps"]
        """Each round, with its method, filter, seed and eligible rows."""
        self.groups: list[dict[str, Any]] = data["groups"]
        """The strata, or the drawn clusters: ``key``, ``row_count`` (N) and ``drawn`` (n)."""

    def frame(self, library: Library = "pandas") -> Any:
        """Return a line for each drawn row, as a frame of ``pandas``, ``polars`` or ``arrow``.

        Its columns are ``stratum``, ``cluster``, ``psu``, ``stage1_units`` and ``stage1_drawn``
        (the numbers of the finite population correction), ``probability``, ``weight`` and so on;
        docs/ESTIMATES.md describes them.
        """
        content = self._transport.content(self._path, {"format": "parquet"})
        return from_parquet(content, library)

    def to_pandas(self) -> pandas.DataFrame:
        """Return :meth:`frame` as a frame of pandas."""
        frame: pandas.DataFrame = self.frame("pandas")
        return frame

    def code(self, program: Program = "r") -> str:
        """Return code of ``r``, ``stata``, ``sas`` or ``python`` that declares the design."""
        return self._transport.content(self._path, {"format": program}).decode()

    def _pairs(self) -> list[tuple[str, Any]]:
        drawn = f"{self.rows:,} of {self.population:,}"
        clusters = (
            None if self.clusters is None else f"{self.clusters_drawn:,} of {self.clusters:,}"
        )
        pairs = [
            ("Method", self.method),
            ("Rows", drawn),
            ("Rows of", self.filter),
            ("Strata", self.strata),
            ("Clusters", clusters),
            ("Rows drawn with certainty", self.take_all_rows),
            ("Rows of strata without a drawn row", self.uncovered_rows or None),
            ("Degrees of freedom", self.degrees),
        ]
        return [(name, value) for name, value in pairs if value is not None]

    def __repr__(self) -> str:
        lines = [f"{name}: {value}" for name, value in self._pairs()]
        groups = [
            f"{', '.join(str(one) for one in each['key'].values())}: {each['drawn']:,} of "
            f"{each['row_count']:,} rows"
            for each in self.groups[:20]
        ]
        rest = len(self.groups) - len(groups)
        return "\n".join([*lines, *groups, *([f"and {rest:,} more groups"] if rest > 0 else [])])

    def _repr_html_(self) -> str:
        kind = "clusters" if self.clusters is not None else "strata"
        listed = [{**each, "rows": each["row_count"]} for each in self.groups]
        groups = groups_table({kind: listed}, "drawn")
        note = paragraph("code() declares it in R, Stata, SAS or Python.")
        return heading("Sampling design") + facts(self._pairs()) + groups + note
