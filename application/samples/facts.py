"""A sample's design as lines of facts, the same on its page and in its workbook."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from application.audit.fitting import is_sized_by_errors
from application.relative_filters import FIELD, RelativeFilters
from contract.fields import Choice
from contract.numbers import percent_digits
from contract.words import LIKELIHOODS
from domain_errors import FigureText, Sentence, counted, render
from presentation.content import Code, Row, float_text
from sampling_engine import METHODS
from sampling_engine.methods import method_class
from sampling_engine.methods.monetary_unit.account import recorded_account

LABELS = {
    own.name: own.title
    for method in METHODS
    for own in (*method.parameters, *method.kind.superseded)
} | {
    "exclude_drawn_by": "Exclude drawn rows by",
    "allow_empty": "Allow a sample without rows",
    "require_columns": "Require the same columns",
    "duplicates": "Equal keys",
    "minimum_degrees": "Degrees of freedom, at least",
}
"""Screen names of the parameters of methods, and of other fields that messages name."""
SEED_ORIGINS = {
    "chosen": "Given in the request",
    "entropy": "Drawn by the server from the system's entropy",
    "beacon": "The signature of a beacon’s round",
    "dice": "Dice before witnesses",
    None: "Not recorded",
}
TITLED = {
    own.name: own.kind.titles
    for method in METHODS
    for own in method.parameters
    if isinstance(own.kind, Choice)
}
"""Titles of the values of choices."""
SHOWN_ELSEWHERE = ("seed", "sizes", "parts")
SCREEN_WORDS = {
    "strata": "groups",
    "stratum": "group",
    "round": "step",
    "rounds": "steps",
    "Round": "Step",
    "Rounds": "Steps",
}
_CODE_WORD = re.compile(rf"(?<![\w{{\"'`])({'|'.join(SCREEN_WORDS)})(?![\w}}\"'`])")


def method_title(name: str) -> str:
    """The screen name of a method: "By group" for ``stratified``."""
    return method_class(name).title


def screen_text(template: str, parameters: Mapping[str, object] | None = None) -> str:
    """A message template in the words of screens: groups, steps, Missing, and labels of fields.

    >>> screen_text("{n} strata need `sample_size`.", {"n": 1000})
    '1,000 groups need “Rows”.'
    """
    words = _CODE_WORD.sub(lambda found: SCREEN_WORDS[found[1]], template)
    values = {
        name: value.replace('"NULL"', "Missing") if isinstance(value, str) else value
        for name, value in (parameters or {}).items()
    }
    return Sentence(render(words, {}, label), **values)


def label(name: str) -> str:
    """What screens call an API field."""
    return f"“{LABELS[name]}”" if name in LABELS else name


def favoured_rows(run_parameters: Mapping[str, Any]) -> str | None:
    """Return what the selection probabilities are in proportion to; None if to nothing.

    A sample that favours rows isn't expected to be like the population.

    >>> favoured_rows({"rounds": [{"method": "monetary_unit"}]})
    'amount'
    """
    favoured = {method_class(given["method"]).favours for given in run_parameters["rounds"]}
    return next((each for each in ("amount", "weight") if each in favoured), None)


def population_of(summary: Mapping[str, Any]) -> tuple[int, Decimal | None]:
    """The rows that a draw could choose from, and their sum; of several steps, the table's rows.

    >>> population_of({"source_rows": 9, "rounds": [{"eligible_rows": 7}]})
    (7, None)
    """
    results = summary.get("rounds") or []
    if len(results) != 1:
        return summary.get("source_rows", 0), None
    (result,) = results
    if account := recorded_account(result):
        return account["audited"]["rows"], Decimal(account["audited"]["total"])
    total = (result.get("amount") or {}).get("total")
    return result["eligible_rows"], None if total is None else Decimal(total)


def amount_to_cover(summary: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The recorded amounts of the rows that a draw could choose from; of several steps, of all."""
    results = summary.get("rounds") or []
    found: Mapping[str, Any] | None = (results[0] if len(results) == 1 else summary).get("amount")
    return found


def warnings_of(account: Mapping[str, Any]) -> list[str]:
    """The warnings of a result or of one of its rounds, in the words of screens."""
    templates = account.get("warning_templates")
    if templates is None:  # a result from before there were templates
        return [screen_text(message) for message in account.get("warnings") or []]
    return [screen_text(each["template"], each["parameters"]) for each in templates]


def excluded_text(run_parameters: Mapping[str, Any]) -> str | None:
    """The rows that a draw excluded; None if it excluded none.

    >>> excluded_text({"excluded": {"key": ["no"], "job_ids": ["0a", "1b"], "rows": 34}})
    '34 rows that 2 earlier samples have, by no'
    >>> excluded = {"key": None, "new_since": "0a" * 32, "job_ids": [], "rows": 34}
    >>> excluded_text({"excluded": excluded})
    '34 rows that version 0a0a0a0a0a0a has, by position'
    """
    excluded = run_parameters.get("excluded")
    if excluded is None:
        return None
    tests = _test_reasons(excluded)
    if tests and not (excluded.get("new_since") or excluded["job_ids"]):
        return Sentence(
            "{rows} {rows|row|rows} that {tests}",
            rows=excluded["rows"],
            tests=Sentence.joined(tests, " or "),
        )
    by = Sentence("position") if excluded["key"] is None else ", ".join(excluded["key"])
    template = "{rows} {rows|row|rows} that {owners} {samples|has|have}, by {key}"
    if excluded.get("group_rows"):
        template += ", with {others} other {others|row|rows} of their {group}"
    text = Sentence(
        template,
        rows=excluded["rows"],
        owners=_owners(excluded),
        samples=max(len(excluded["job_ids"]), 1),
        key=by,
        others=excluded.get("group_rows"),
        group=excluded.get("group"),
    )
    return Sentence.joined([text, *tests], " or that ")


def _test_reasons(excluded: Mapping[str, Any]) -> list[Sentence]:
    """Which rows the filters by audit tests leave out."""
    return [
        Sentence(template, tests=", ".join(job_id[:8] for job_id in excluded[name]))
        for name, template in (
            ("found_by", "audit test {tests} did not find"),
            ("not_found_by", "audit test {tests} found"),
        )
        if excluded.get(name)
    ]


def test_filters(run_parameters: Mapping[str, Any]) -> list[Sentence]:
    """The filters of a draw by audit tests, if they left rows out."""
    excluded = run_parameters.get("excluded") or {}
    if not excluded.get("rows"):
        return []
    return [
        Sentence(
            "the filter {filter} (audit test {tests})",
            filter=name,
            tests=", ".join(job_id[:8] for job_id in excluded[name]),
        )
        for name in ("found_by", "not_found_by")
        if excluded.get(name)
    ]


def _owners(excluded: Mapping[str, Any]) -> Sentence:
    owners = []
    if excluded.get("new_since"):
        owners.append(Sentence("version {version}", version=excluded["new_since"][:12]))
    samples = len(excluded["job_ids"])
    if samples or not owners:
        owners.append(Sentence("{samples} earlier {samples|sample|samples}", samples=samples))
    return Sentence.joined(owners, " or ")


def excluded_origin(excluded: Mapping[str, Any], tests: Mapping[str, str] | None = None) -> str:
    """The rows that a draw excluded, in few words; ``tests`` has the names of audit tests.

    >>> excluded_origin({"job_ids": ["0a", "1b"], "rows": 34})
    '34 rows of 2 earlier samples'
    >>> excluded_origin({"job_ids": ["0a"], "found_by": ["1b"], "rows": 34})
    '34 rows of 1 earlier sample or that no audit test found'
    >>> excluded_origin({"job_ids": [], "found_by": ["1b"], "rows": 34}, {"1b": "cut"})
    "34 rows that audit test cut didn't find"
    """
    since = f"version {excluded['new_since'][:12]}" if excluded.get("new_since") else None
    samples = counted(len(excluded["job_ids"]), "earlier sample") if excluded["job_ids"] else None
    earlier = " and ".join(filter(None, (since, samples)))
    origins = [f"of {earlier}"] if earlier else []
    if of_found := excluded.get("found_by"):
        found = tests and f"that audit test {_named(of_found, tests)} didn't find"
        origins.append(found or "that no audit test found")
    if of_others := excluded.get("not_found_by"):
        found = tests and f"that audit test {_named(of_others, tests)} found"
        origins.append(found or "that an audit test found")
    return f"{counted(excluded['rows'], 'row')} {' or '.join(origins) or 'of earlier samples'}"


def _named(job_ids: Sequence[str], tests: Mapping[str, str]) -> str:
    return " or ".join(tests[each] for each in job_ids)


def population_note(run_parameters: Mapping[str, Any]) -> str | None:
    """Which rows the figures of a sample are of, if its draw excluded some."""
    excluded = excluded_text(run_parameters)
    if excluded is None:
        return None
    return f"The population is the table without {excluded}. The figures aren't of these rows."


def step_facts(given: Mapping[str, Any], seeded: Mapping[str, Any]) -> list[Row]:
    """The facts of a round in a job's ``run_parameters``; ``seeded`` has its seeds."""
    parameters = given["parameters"]
    facts = [*_parameter_facts(parameters), *_goal_facts(given)]
    facts.append(("Seed", Code(str(parameters["seed"]))))
    if seeded["effective_seed"] != str(parameters["seed"]):
        facts.append(("Effective seed", Code(seeded["effective_seed"])))
    facts.append(("Origin of the seed", Sentence(SEED_ORIGINS[seeded["seed_origin"]])))
    if filters := given.get("filters"):
        facts.append(("Filter", Code(filter_text(filters))))
    facts += _order_facts(given)
    selection = given.get("selection") or {}
    if selection.get("columns"):
        facts.append(("Columns", ", ".join(selection["columns"])))
    if selection.get("order_by"):
        template = "{column}, descending" if selection.get("order_desc") else "{column}"
        facts.append(("Ordered by", Sentence(template, column=selection["order_by"])))
    return facts


def relative_facts(parameters: Mapping[str, Any], place: int) -> list[Row]:
    """The filter of a round as it was requested, if it had relative dates."""
    relative: RelativeFilters | None = parameters.get(FIELD)
    asked = None if relative is None else relative["rounds"][place]
    if relative is None or asked is None:
        return []
    read_at = relative["read_at"].replace("T", " ").replace("+00:00", " UTC")
    return [("Filter as requested", Code(filter_text(asked))), ("Its dates are read at", read_at)]


def planned_facts(planned: Mapping[str, Any]) -> list[Row]:
    """The facts of a round of a registered plan, which has no seed yet."""
    facts: list[Row] = [("Method", method_title(planned["method"]))]
    facts += _parameter_facts(planned["parameters"])
    if sizes := planned["parameters"].get("sizes"):
        texts = (f"{label}: {size}" for label, size in sizes.items())
        facts.append((LABELS["sizes"], ", ".join(texts)))
    if planned["filters"]:
        facts.append(("Filter", Code(filter_text(planned["filters"]))))
    return facts + _order_facts(planned) + _goal_facts(planned)


def _order_facts(given: Mapping[str, Any]) -> list[Row]:
    """The keyed order of a round, if it has one."""
    order = given.get("order")
    if order is None:
        return []
    key = ", ".join(order["key"])
    parts = [Sentence("by {key}", key=key)]
    if order["start"] != "0":
        parts.append(Sentence("from {start}", start=order["start"]))
    if order.get("starts"):
        parts.append(Sentence("of some groups from starts of their own"))
    text = Sentence.joined(parts, ", ")
    if order["duplicates"] == "number":
        text = Sentence.joined([text, Sentence("equal keys are numbered")], "; ")
    return [("Same rows in later versions", text)]


def _goal_facts(round_: Mapping[str, Any]) -> list[Row]:
    goal = round_.get("goal")
    if not goal:
        return []
    if "materiality" in goal and not is_sized_by_errors([round_]):
        text = Sentence(
            "{tolerable}, at {confidence} confidence, which sizes no group",
            tolerable=errors_of_goal(goal, "materiality"),
            confidence=FigureText(f"{percent_digits(goal['confidence'])} %"),
        )
        return [("Tolerable misstatement", text)]
    name = "Materiality" if "materiality" in goal else "Margin of error wanted"
    return [(name, goal_text(goal))]


def _parameter_facts(parameters: Mapping[str, Any]) -> list[Row]:
    texts = {
        name: _value_text(name, value)
        for name, value in parameters.items()
        if value is not None and name not in SHOWN_ELSEWHERE
    }
    if parameters.get("strata_columns") and "num_clusters" in texts:
        divided = parameters.get("cluster_allocation") == "proportional"
        template = "{count} of all groups together" if divided else "{count} of each group"
        texts["num_clusters"] = Sentence(template, count=texts["num_clusters"])
    labels = LABELS
    if "book_column" in parameters:
        labels = {**LABELS, "sample_size": "Monetary units"}
    return [
        (labels.get(name, name.replace("_", " ").capitalize()), text)
        for name, text in texts.items()
    ]


def monetary_facts(result: Mapping[str, Any]) -> list[Row]:
    """The amounts of a round by monetary units, in the account of the round."""
    found = recorded_account(result)
    if found is None:
        return []
    kinds = {"positive": "Positive amounts", "zero": "Amounts of 0", "negative": "Negative amounts"}
    facts: list[Row] = [(label, _amounts_text(found[kind])) for kind, label in kinds.items()]
    missing = Sentence("{rows} {rows|row|rows}", rows=found["missing_rows"])
    facts.append(("Without an amount", missing))
    facts.append(("Always drawn", _amounts_text(found["take_all"])))
    if found["interval"] is not None:
        interval = FigureText(f"{Decimal(found['interval']):,f}")
        text = "{interval}, {units} {units|unit|units} selected"
        units = Sentence(text, interval=interval, units=found["units"])
        facts.append(("Interval of money", units))
    return facts


def _amounts_text(found: Mapping[str, Any]) -> str:
    total = FigureText(f"{Decimal(found['total']):,f}")
    return Sentence("{total} in {rows} {rows|row|rows}", total=total, rows=found["rows"])


def goal_text(goal: Mapping[str, Any]) -> str:
    """A goal in words.

    >>> goal_text({"margin": 0.03, "confidence": 0.95})
    '± 3 % for a share of 50 %, at 95 % confidence'
    >>> goal_text({"relative_margin": 0.02, "statistic": "total", "column": "net", "by": ["city"],
    ...     "confidence": 0.9})
    '± 2 % of the total of net in each group of city, at 90 % confidence'
    >>> goal_text({"materiality": 50000, "expected": 0.01, "confidence": 0.95})
    '50,000, with 1 % expected, at 95 % confidence (Poisson)'
    """
    if "materiality" in goal:
        tolerable, expected = (errors_of_goal(goal, name) for name in ("materiality", "expected"))
        plan = Sentence("with {expected} expected", expected=expected)
        if "accept" in goal:
            alone, both = goal["accept"]
            plan = Sentence(
                "in two stages, {rows} {rows|row|rows} first (accept with {alone}, in both with "
                "{both})",
                rows=goal["first_stage"],
                alone=alone,
                both=both,
            )
        return Sentence(
            "{tolerable}, {plan}, at {confidence} confidence ({likelihood})",
            tolerable=tolerable,
            plan=plan,
            confidence=FigureText(f"{percent_digits(goal['confidence'])} %"),
            likelihood=Sentence(LIKELIHOODS[goal.get("likelihood", "poisson")]),
        )
    name = goal.get("statistic", "proportion")
    if "cv" in goal:
        template, margin = "a standard error of {margin} of {figure}", goal["cv"]
    elif "relative_margin" in goal:
        template, margin = "± {margin} of {figure}", goal["relative_margin"]
    else:
        template, margin = "± {margin} for {figure}", goal["margin"]
    is_number = "margin" in goal and name not in ("proportion", "recall")
    if goal.get("by"):
        template += " in each group of {by}"
    return Sentence(
        template + ", at {confidence} confidence",
        margin=FigureText(float_text(margin) if is_number else f"{100 * margin:g} %"),
        figure=_figure_text(name, goal),
        by=", ".join(goal.get("by") or ()),
        confidence=FigureText(f"{percent_digits(goal['confidence'])} %"),
    )


def _figure_text(name: str, goal: Mapping[str, Any]) -> Sentence:
    """The figure of a goal by margin of error."""
    column, value = goal.get("column"), goal.get("value")
    if column is None:
        return Sentence("the recall" if name == "recall" else "a share of 50 %")
    if name == "proportion":
        shown = Sentence("Missing") if value is None else value
        return Sentence("the share of {column} {value}", column=column, value=shown)
    return Sentence("the {statistic} of {column}", statistic=Sentence(name), column=column)


def errors_of_goal(goal: Mapping[str, Any], name: str) -> str:
    """The tolerable or expected errors of a goal; below 1 they are a share.

    >>> goal = {"materiality": 250000.0, "expected": 0.01}
    >>> errors_of_goal(goal, "materiality"), errors_of_goal(goal, "expected")
    ('250,000', '1 %')
    """
    value = goal.get(name, 0)
    return FigureText(float_text(float(value)) if value >= 1 else f"{100 * value:g} %")


def filter_text(filters: Mapping[str, Any]) -> str:
    """A filter's expression, or its conditions one after the other."""
    if "expression" in filters:
        return str(filters["expression"])
    texts = [
        " ".join(
            [str(each["column"]), str(each["operator"]).replace("_", " ")]
            + ([_listed(each["value"])] if each.get("value") is not None else [])
        )
        for each in filters["conditions"]
    ]
    return f" {filters['logic']} ".join(texts)


def _value_text(name: str, value: Any) -> str:
    if name == "strata_columns":
        return Sentence.joined(list(map(_strata_text, value)), "; ")
    if name in TITLED:
        return Sentence(TITLED[name].get(value, str(value)))
    if name == "sample_fraction":
        return FigureText(f"{100 * value:g} %")
    if isinstance(value, int) and not isinstance(value, bool):
        return FigureText(f"{value:,}")
    return _listed(value)


def _strata_text(entry: str | Mapping[str, Any]) -> str:
    if isinstance(entry, str):
        return entry
    breaks = Sentence.joined(list(map(_break_text, entry["breaks"])), "; ")
    return Sentence("{column} in bands at {breaks}", column=entry["column"], breaks=breaks)


def stratum_text(given: Mapping[str, Any], label: str) -> str:
    """A stratum's label for papers: bands that the server named are in the language of a paper.

    >>> given = {"parameters": {"strata_columns": ["city", {"column": "net", "breaks": [1000]}]}}
    >>> stratum_text(given, "1,5 | < 1,000").parameters
    {'part_0': '1,5', 'part_1': '< 1,000'}
    """
    columns, parts = given["parameters"].get("strata_columns") or (), label.split(" | ")
    if len(columns) != len(parts):  # no strata, or a value has the separator
        return label
    texts = [
        band_text(part) if isinstance(column, Mapping) and not column.get("labels") else part
        for column, part in zip(columns, parts, strict=True)
    ]
    return Sentence.joined(texts, " | ")


def band_text(label: str) -> str:
    """The label of a band that the server named.

    >>> band_text("1,000 to < 10,000").template
    '{low} to < {high}'
    """
    low, is_between, high = label.partition(" to < ")
    if is_between:
        return Sentence("{low} to < {high}", low=FigureText(low), high=FigureText(high))
    return FigureText(label)


def _break_text(value: str | float) -> str:
    """A break with thousands separators, or a date."""
    try:
        return FigureText(f"{Decimal(str(value)):,f}")
    except InvalidOperation:
        return str(value)


def _listed(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return str(value)
