"""Fields of the API that are arguments of the client, by the methods that take them.

Written from the server's declarations by ``python -m tests.client.api_fields``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

DEFAULT_METHOD = "random"
"""The method of a draw that names none."""
DIVIDING_METHOD = "split"
"""The method that divides all rows among parts."""


class MethodParameters(TypedDict, total=False):
    """The parameters of the methods of sampling."""

    sample_size: int
    """Rows to draw, or all eligible rows if there are fewer."""
    sample_fraction: float
    """Share of the eligible rows, above 0 and up to 1, rounded to the nearest row."""
    strata_columns: Sequence[str | Mapping[str, Any]]
    """Columns whose values make the strata; NULL is a value. Bands of a number or a date are
    {column, breaks, labels?}: values outside the outer breaks have bands of their own.
    """
    samples_per_stratum: int
    """Rows to draw in each stratum, or all of a smaller one."""
    sizes: Mapping[str, int | str]
    """Rows to draw in each named stratum: a number, "all" or a percentage such as "10%"; none in
    the others. The names are those of the sample's column _stratum; spaces and thousands
    separators may be left out.
    """
    allocation: Literal["proportional", "equal", "neyman", "optimal", "recall", "amount"]
    """How the size is divided: in proportion to rows (proportional), equally (equal), by rows
    times standard deviation (neyman), by that over the root of the mean cost (optimal), for the
    most precise recall by guessed rates (recall), or by the sum of absolute amounts (amount).
    """
    allocation_column: str
    """The column whose standard deviation the allocation uses, for neyman and optimal, or whose
    sum, for amount.
    """
    cost_column: str
    """The column with the cost of examining a row; for optimal."""
    rate_column: str
    """For neyman and recall: a column whose mean in a stratum is the guessed rate of rows with a
    condition, such as a judge's score of bad rows. The standard deviation is then √(r(1 − r)), and
    each stratum gives two rows at least.
    """
    rates: Mapping[str, float]
    """For neyman and recall, in place of `rate_column`: the guessed rate of each stratum, from 0
    to 1, by its name in the sample's column _stratum.
    """
    flagged: Sequence[str]
    """For recall: the strata that the judge flags, by their names in _stratum. The recall is the
    share of the rows with the condition that lies in them.
    """
    min_per_stratum: int
    """Rows to draw in each stratum at least, or all of a smaller one; they count in the sample's
    size.
    """
    take_all: Sequence[str]
    """Strata of which all rows are drawn, by their names in _stratum. The size, and the minimum,
    are then those of the other strata.
    """
    interval: float
    """The distance between drawn rows, in eligible rows."""
    start: int | float | str
    """The first eligible row to draw, 1 to `interval`. Default: by the seed. In the order of keys:
    where it begins, such as 0.25.
    """
    sort_columns: Sequence[str]
    """Up to three columns along which rows are taken, in place of the table's order. NULL counts
    as the largest value; equal rows are in the table's order.
    """
    sort_order: Literal["serpentine", "nested"]
    """`serpentine`: the first column ascends, and a later one changes its direction whenever those
    before it change. `nested`: all ascend.
    """
    cluster_column: str
    """The column whose distinct values are the clusters; NULL is a value."""
    num_clusters: int
    """Clusters to draw, or all if there are fewer. With `strata_columns`, clusters of each
    stratum, or of all strata if `cluster_allocation` is proportional.
    """
    samples_per_cluster: int
    """Rows to draw in each drawn cluster, or subcluster if these are drawn, or all of a smaller
    one. Default: all.
    """
    sample_percentage: float
    """Percentage of the rows of each drawn cluster, or subcluster if these are drawn, above 0 and
    up to 100; at least one row.
    """
    cluster_allocation: Literal["each", "proportional"]
    """Whether `num_clusters` are drawn in each stratum, or in all of them: in proportion to their
    clusters, and two of each at least.
    """
    cluster_probability: Literal["equal", "rows", "size"]
    """equal, or in proportion to size: the cluster's eligible rows, or the sum of `size_column`
    over them. A cluster whose probability would reach 1 is always drawn. By rows, with
    `samples_per_cluster` and without subclusters, all rows of a stratum have the same probability,
    but those of clusters that are always drawn or that have fewer rows.
    """
    size_column: str
    """A column of numbers whose sum over a cluster's eligible rows is the cluster's size. None is
    negative or infinite; a cluster of size 0 can't be drawn.
    """
    subcluster_column: str
    """The column whose values within a cluster are its subclusters, of which `num_subclusters` are
    drawn in each drawn cluster.
    """
    num_subclusters: int
    """Subclusters to draw in each drawn cluster, or all if it has fewer."""
    weight_column: str
    """A column of numbers, none of them negative or infinite; with `uncertainty` a column of
    probabilities from 0 to 1.
    """
    uncertainty: bool
    """The weight is √(p(1 − p)) of a probability p in `weight_column`, such as a judge's score, so
    that rows about which the judge is least sure are drawn most often.
    """
    uncertainty_floor: float
    """With `uncertainty`: the least weight of a row, so that every row can be drawn. A p of one
    half has the weight 0.5. Default: 0.05.
    """
    uncertainty_missing: Literal["take_all", "floor"]
    """With `uncertainty`: draw all rows whose p is NULL (the default), or give them the least
    weight.
    """
    selection: Literal["pareto", "systematic", "fixed_interval", "cell", "random"]
    """`pareto`: the first rows of an order by random numbers and weights. `systematic`: at equal
    distances along the cumulated weights, in the table's order or sorted. Of units of money: a
    random unit in each `cell`, units at a `fixed_interval`, or `random` ones.
    """
    book_column: str
    """The column of the book amounts."""
    population: Literal["positive", "absolute", "negative"]
    """The rows to draw from: with positive amounts, with any by its absolute value, or with
    negative ones.
    """
    order: Literal["seeded", "file"]
    """The order in which amounts are added up: by the seed, which has nothing to do with the order
    of the file, or as in the file.
    """
    parts: Mapping[str, float | str]
    """The share of each part, such as 0.8 or 80%, by its name; they add up to 1. The names are
    those of the tables, and of the values in _part.
    """
    group: str
    """Rows with one value in this column are in one part; every row needs a value."""
    exact: bool
    """Parts of exactly these shares; rows may then move when the table grows."""


class EarlierRowsOptions(TypedDict, total=False):
    """Which rows to leave out of a draw; docs/FILTERS.md."""

    new_since: str
    """Only rows that this version of the table, a ref or a commit, doesn't have."""
    not_drawn_by: Sequence[Any]
    """Only rows that these draws of the table don't have. A draw is named by its job or by a ref,
    such as the tag of a golden set; `golden:test` is one part of a split.
    """
    found_by: Sequence[Any]
    """Only rows that one of these audit tests of the table found. A test is named by its job or by
    the ref of its result.
    """
    not_found_by: Sequence[Any]
    """Only rows that none of these audit tests of the table found."""


class ImportOptions(TypedDict, total=False):
    """How to read a file; docs/IMPORT.md."""

    sheet: str
    """For `Excel`. The only sheet of a workbook to import."""
    header_row: int
    """For `text` and `Excel`. The row with the column names, counted from 1; 0 if there is none.
    Rows above it are skipped.
    """
    skip_above: int
    """For `text` and `Excel`. Rows to skip at the start."""
    skip_below: int
    """For `text` and `Excel`. Filled rows to skip at the end; 0 keeps all."""
    delimiter: str
    """For `text`. One character, or `tab`."""
    decimal: str
    """For `text` and `Excel`. `.` or `,`."""
    thousands: str
    """For `text` and `Excel`. `.` `,` `'` or a space; empty if there is none. If it is `.`, the
    decimal sign is `,`, and the reverse.
    """
    date_order: str
    """For `text`, `Excel` and `JSON`. `dmy`, `mdy` or `ymd`, of dates that don't begin with a year
    of four digits.
    """
    encoding: str
    """For `text` and `JSON`. A text encoding that Python knows, such as `cp1252`."""
    nested: str
    """For `JSON`. `text` stores objects as JSON text, the default. `columns` makes a column of
    each of their keys, such as `judge.label`; lists stay JSON text.
    """
    totals: str
    """For `text` and `Excel`. `leave_out` leaves out the totals and subtotals among the rows of
    the table; `keep` keeps them as rows, the default.
    """
    types: Mapping[str, str]
    """For `text`, `Excel` and `JSON`. The types of columns, by their names in the file: `VARCHAR`
    (`text`), `BIGINT` (`integer`), `DOUBLE` (`number`), `DECIMAL(p,s)`, `DATE`, `TIME`,
    `TIMESTAMP`, `BOOLEAN`.
    """
    names: Mapping[str, str]
    """New names of columns, by their names in the file."""


class RowsOptions(TypedDict, total=False):
    """Which rows to write to a file, and how."""

    offset: int
    """Results to skip."""
    limit: int
    """Maximum number of rows: by default 100 in JSON, all in the other formats."""
    filters: str
    """Only rows that match this expression, such as `age > 18`."""
    order_by: str
    """The column that sorts the rows, NULL last; ties in file order."""
    order_desc: bool
    """Sort in descending order."""
    formula_safe: bool
    """In CSV, put an apostrophe before texts that a spreadsheet would run as a formula."""
    bom: bool
    """In CSV, begin with a byte-order mark, which Excel needs to read UTF-8."""
    nested: bool
    """In JSON Lines, write texts that are JSON objects or lists as such, not as strings."""
    table_key: str
    """`primary` or the job's own table; `residual`; or a part of a split."""


class ConfidenceOptions(TypedDict, total=False):
    """What holds at a confidence."""

    confidence: float | str
    """Such as 90% or 0.9."""


class EstimateOptions(ConfidenceOptions, total=False):
    """How to estimate; docs/ESTIMATES.md."""

    interval: Mapping[str, Any]
    variance: Mapping[str, Any]
    calibrate: Mapping[str, Any]
    nonresponse: Mapping[str, Any]
    """How rows that didn't respond are made up for."""
    replicates: Literal["none", "jackknife", "bootstrap"]
    """Standard errors by replicate weights instead of linearisation."""
    replicate_count: int
    """Replicates of a bootstrap."""
    replicate_seed: int
    """The seed of a bootstrap."""
    contrast: Mapping[str, Any]
    """Two groups or columns of which the difference or the ratio is estimated."""
    book_column: str
    """For `findings`: the column of book values, which a row that is OK has as its audit value. By
    default that of a sample by monetary units.
    """
    true_values: bool
    """Compute each true value from the source, too."""


class SharedRowsOptions(TypedDict, total=False):
    """Which rows two samples share; docs/CHANGE.md."""

    duplicates: Literal["refuse", "number"]
    """Equal keys: `refuse` them, or `number` their rows by all columns. Default: as the row key of
    the table says, otherwise `refuse`.
    """
    book_column: str
    """For `findings`: the column of book values."""


class WeightsOptions(TypedDict, total=False):
    """How to weight; docs/WEIGHTS.md."""

    calibrate: Mapping[str, Any]
    nonresponse: Mapping[str, Any]
    """How rows that didn't respond are made up for."""
    replicates: Literal["none", "jackknife", "bootstrap"]
    """Replicate weights, each calibrated again."""
    replicate_count: int
    """Replicates of a bootstrap."""
    replicate_seed: int
    """The seed of a bootstrap."""
    only_respondents: bool
    """Leave out rows that didn't respond, whose weight is 0."""


class ChangeOptions(ConfidenceOptions, SharedRowsOptions, total=False):
    """How to estimate a change; docs/CHANGE.md."""

    interval: Mapping[str, Any]
    variance: Mapping[str, Any]


class ClassificationOptions(ConfidenceOptions, total=False):
    """How to hold a flag against the truth; docs/CLASSIFICATION.md."""

    threshold: float | str
    """Of a number: rows are flagged from this value on."""
    flagged_value: Sequence[Any]
    """The values of `flagged` that are a flag, if it isn't true or 1."""
    positive: Sequence[Any]
    """The values of `truth` that count as bad, if it isn't true or 1. Without it and
    `flagged_value`, two columns of texts are compared class by class.
    """
    amount_column: str
    """A column of numbers, whose total over the missed rows is estimated."""
    book_column: str
    """For `findings`: the column of book values."""
    interval: Mapping[str, Any]
    variance: Mapping[str, Any]


class EvaluationOptions(ConfidenceOptions, total=False):
    """How to evaluate findings; docs/AUDIT.md."""

    programme: str
    """The name of an audit programme, whose rules and sentences the conclusion follows. By default
    that of the sign-off; an empty text is none.
    """
    likelihood: Literal["hypergeometric", "binomial", "poisson"]
    """For `attributes`, `two_stage` and `monetary_unit`. By default that of the recorded plan,
    else `hypergeometric` for attributes and `binomial` for monetary units, which take `poisson`,
    too. Plans from before it was always recorded have none: their two stages take `poisson`.
    """
    sides: Literal["one", "two"]
    """For `attributes` and `variables`. `one` bounds the share, or the net misstatement, from
    above (default), `two` on both sides: the confidence is then that of both limits together.
    """
    bound: Literal["stringer", "gaffke"]
    """For `monetary_unit`. `stringer` (default) is customary. `gaffke` is proved for units
    selected at random, and for them alone; it has no likelihood.
    """
    book_column: str
    """For `variables` and `sequential`. The column of book values. By default that of a sample by
    monetary units, else the amount column of the draw, or the one of its bands of numbers or its
    allocation. For `sequential` it may differ from the column by whose units the rows were drawn,
    such as an amount weighted by risk.
    """
    estimator: Literal["difference", "ratio", "regression", "mean_per_unit"]
    """For `variables`. How audit values are projected; `difference` by default."""
    lonely_stratum: Literal["fail", "adjust", "average"]
    """For `variables`. What to do with a stratum that has one drawn row of several; `fail` by
    default.
    """
    score_column: str
    """For `sequential`. For monetary units selected at random: a column of risk scores from 0 to
    1, known before the draw. The better they match the taints that are found, the fewer rows it
    takes; wrong ones only cost rows.
    """


class CombinedOptions(ConfidenceOptions, total=False):
    """How to evaluate several samples together; docs/AUDIT.md."""

    estimator: Literal["difference", "ratio", "regression", "mean_per_unit"]
    """Of samples by audit values. By default that which was signed off, or `difference`."""
    book_column: str
    """Of samples by audit values. By default that of each draw or sign-off."""
    programme: str
    """The name of an audit programme, by whose formula of several periods the samples are
    concluded on.
    """
    covered_only: bool
    """Whether to conclude on the covered rows alone, where rows with a book value are in no
    sample's population. Otherwise these are refused.
    """


class AuditTestParameters(TypedDict, total=False):
    """The parameters of audit tests; docs/AUDIT_TESTS.md."""

    columns: Sequence[Any]
    """Of ``duplicates``, ``near_duplicates``, ``unmatched``."""
    loose_columns: Sequence[Any]
    """Of ``duplicates``, ``near_duplicates``."""
    differ_in: str
    """Of ``duplicates``."""
    amount_column: str
    """Of ``duplicates``, ``near_duplicates``, ``gaps``, ``benford``, ``cutoff``, ``weekend``,
    ``unmatched``.
    """
    date_column: str
    """Of ``near_duplicates``, ``weekend``."""
    days: int
    """Of ``near_duplicates``, ``cutoff``."""
    amount_difference: float | str
    """Of ``near_duplicates``."""
    amount_share: float | str
    """Of ``near_duplicates``."""
    number_column: str
    """Of ``gaps``."""
    series_columns: Sequence[Any]
    """Of ``gaps``."""
    digits: Literal["first", "first_two"]
    """Of ``benford``."""
    posting_column: str
    """Of ``cutoff``."""
    document_column: str
    """Of ``cutoff``."""
    cutoff: str
    """Of ``cutoff``."""
    time_zone: str
    """Of ``cutoff``, ``weekend``."""
    weekdays: Sequence[Any]
    """Of ``weekend``."""
    holidays: Sequence[Any]
    """Of ``weekend``."""
    country: str
    """Of ``weekend``."""
    subdivision: str
    """Of ``weekend``."""
    other_columns: Sequence[Any]
    """Of ``unmatched``."""
    other: Mapping[str, Any]
    """Of ``unmatched``."""
    direction: Literal["this", "other", "both"]
    """Of ``unmatched``."""


class PaperFacts(TypedDict, total=False):
    """Facts of a working paper; docs/AUDIT.md."""

    client_name: str
    """The audited entity."""
    period: str
    """Such as `2025-01-01 to 2025-12-31`."""
    paper_number: str
    """The firm's reference, such as `B 20-3`."""
    preparer: str
    """The full name of who did the work."""
    preparer_role: str
    """Such as `senior auditor`."""
    reviewer: str
    """The full name of who reviews the work. Who enters any fact here can't sign off."""
    reviewer_role: str
    """Such as `partner`."""
    objective: str
    """What the sample is to give evidence of."""
    assertions: Sequence[Any]
    """The assertions of the financial statements that are tested."""
    assertion_text: str
    """An assertion that the list lacks."""
    procedure: str
    """What was done with each row."""
    error_definition: str
    """What counts as a misstatement or a deviation, and what doesn't."""
    treatment: str
    """How they are treated. By default as the evaluation treats them."""
    tolerable_basis: str
    """Such as `75 % of performance materiality 400,000`."""
    expected: str
    """The misstatement, or the rate of deviation, that was expected when planning."""
    design_reason: str
    """By default a sentence on the recorded plan, if there is one."""
    reconciliation: str
    """How the population was reconciled, such as with the general ledger."""
    language: Literal["en", "de", "fr", ""]
    """The language of the paper; by default that of the template."""
