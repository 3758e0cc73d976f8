"""Label Studio's formats: tasks, a labelling interface, and annotated tasks.

Facts about the formats: https://labelstud.io/guide/task_format and https://labelstud.io/tags.
Controls that answer no question of the sample are named in a note, and aren't read.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from math import isfinite
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from application.review.questions import SampleQuestions
from application.samples.row_files import InvalidRowFile
from contract.numbers import plain_text
from contract.requests.reviewing import QuestionRequest
from contract.words import Reading
from domain_errors import counted
from estimation_engine.reading import ROW_ID
from lazy_dataclasses import dataclass
from storage.errors import InvalidValue

YES, NO = "Yes", "No"
NOTE = "note"
STEP = "0.01"
"""By which the arrows of a number's field change it."""
TRUTH, SAME, UNNAMED = (
    "marked as ground truth. The newest of a task is read.",
    "by the same annotator. The newest of a task is read.",
    "without `completed_by`. Those of a task are taken as one person's, and the newest is read.",
)
"""What older annotations that aren't read are, in notes."""
UNREADABLE = "The file isn't valid JSON: {problem} in line {line}."


def is_export(path: Path, name: str) -> bool:
    """Whether a file is Label Studio's JSON export of annotated tasks.

    Its compact export (JSON-MIN) and CSV have a row for each annotation, as other files have.
    """
    if not name.lower().endswith(".json"):
        return False
    with path.open("rb") as file:
        head = file.read(1 << 20).decode("utf-8-sig", "replace")
    return re.match(r"\s*\[\s*\{", head) is not None and '"annotations"' in head


def data_names(columns: Sequence[str]) -> dict[str, str]:
    """Return the names of columns in the data of a task: letters, digits and underscores alone.

    A template such as ``$judge.label`` would read the key ``label`` of an object ``judge``.

    >>> data_names(["text", "judge.label", "judge label"])
    {'text': 'text', 'judge.label': 'judge_label', 'judge label': 'judge_label_1'}
    """
    names: dict[str, str] = {}
    taken = {ROW_ID}
    for column in columns:
        plain = re.sub(r"\W", "_", column) or "column"
        name, number = plain, 0
        while name.casefold() in taken:
            number += 1
            name = f"{plain}_{number}"
        taken.add(name.casefold())
        names[column] = name
    return names


def turns_of(value: Any) -> list[dict[str, Any]] | None:
    """Return the turns of a conversation: objects with the texts `role` and `content` alone.

    None of another value. Label Studio's ``Paragraphs`` show these texts and nothing else.

    >>> turns_of('[{"role": "user", "content": "Hi"}]')
    [{'role': 'user', 'content': 'Hi'}]
    """
    if not isinstance(value, str) or not value.lstrip().startswith("["):
        return None
    try:
        turns = json.loads(value)
    except (ValueError, RecursionError):
        return None
    are_turns = turns and all(
        isinstance(turn, dict)
        and turn.keys() == {"role", "content"}
        and all(isinstance(text, str) for text in turn.values())
        for turn in turns
    )
    return turns if are_turns else None


def conversations(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the columns whose values are all conversations or missing, and not all missing."""
    found, others = set[str](), set[str]()
    for row in rows:
        for name, value in row.items():
            if value is not None and name not in others:
                (found if turns_of(value) else others).add(name)
    return found - others


def task_of(
    row_id: str, data: Mapping[str, Any], names: Mapping[str, str], talks: Set[str] = frozenset()
) -> dict[str, Any]:
    """Return the task of a row with its shown columns; ``talks`` are conversations.

    A missing value is an empty text, or an empty list of turns.
    """
    values = {
        names[name]: (turns_of(value) or []) if name in talks else ("" if value is None else value)
        for name, value in data.items()
    }
    return {"data": {ROW_ID: row_id, **values}}


def labelling_interface(
    questions: Sequence[QuestionRequest], columns: Sequence[str], talks: Set[str] = frozenset()
) -> str:
    """Return the XML of a labelling interface: the shown columns, then a control a question.

    ``talks`` are the columns with conversations.
    A row that can't be judged is skipped in Label Studio. Controls have the names of the questions.
    """
    names = data_names(columns)
    view = ElementTree.Element("View")
    for at, column in enumerate(columns):
        ElementTree.SubElement(view, "Header", value=column, size="4")
        about = {"name": f"column_{at}", "value": f"${names[column]}"}
        if column in talks:
            about |= {"layout": "dialogue", "nameKey": "role", "textKey": "content"}
        ElementTree.SubElement(view, "Paragraphs" if column in talks else "Text", about)
    for question in questions:
        ElementTree.SubElement(view, "Header", value=question.text)
        if question.help:
            ElementTree.SubElement(view, "Header", value=question.help, size="5")
        _add_control(view, question)
    if NOTE not in {question.name.casefold() for question in questions}:
        _add_text(view, NOTE, required=False, placeholder="Note")
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def interface_of(found: SampleQuestions, rows: Callable[[], Iterable[Mapping[str, Any]]]) -> str:
    """Return the labelling interface of a sample; InvalidValue without questions of its own.

    ``rows`` gives the shown values of all rows.
    """
    if found.is_audit:
        raise InvalidValue(
            "Label Studio needs questions of the sample's own. Choose questions first.",
            loc=("query", "format"),
        )
    return labelling_interface(found.questions, found.shown, conversations(rows()))


def _add_control(view: ElementTree.Element, question: QuestionRequest) -> None:
    required = str(question.required).lower()
    about = {"name": question.name, "toName": "column_0", "required": required}
    if question.type in ("yes_no", "choice"):
        control = ElementTree.SubElement(view, "Choices", about, choice="single")
        for word in (YES, NO) if question.type == "yes_no" else question.choices:
            ElementTree.SubElement(control, "Choice", value=word)
    elif question.type == "text":
        _add_text(view, question.name, required=question.required)
    else:
        ElementTree.SubElement(view, "Number", about, step=STEP)


def _add_text(
    view: ElementTree.Element, name: str, *, required: bool, placeholder: str = ""
) -> None:
    about = {"placeholder": placeholder} if placeholder else {}
    about |= {"name": name, "toName": "column_0", "required": str(required).lower()}
    ElementTree.SubElement(view, "TextArea", about, rows="3", maxSubmissions="1")


@dataclass(frozen=True)
class Annotation:
    """What one annotator said about a task; the newest of several."""

    at: str
    annotator: str
    skipped: bool
    is_truth: bool
    values: Mapping[str, str]


@dataclass(frozen=True)
class ReadTasks:
    """The lines of a reading: cells by the names of columns, one line a task; and notes."""

    lines: Sequence[Mapping[str, str]]
    notes: Sequence[str]


def read_tasks(
    path: Path, questions: Sequence[QuestionRequest], reading: Reading, columns: Mapping[str, str]
) -> ReadTasks:
    """Read the annotations of an export that are a reading.

    ``columns`` are the names of the columns ``outcome`` and ``note`` in a file of answers.

    Of a task's annotators, the one who began first gives the first reading, the next one the
    second. The decision is the annotation that is marked as ground truth. A skipped task can't be
    judged. The note names the annotator.

    Raises
    ------
    InvalidRowFile
        It isn't JSON, or no list of tasks with the id of a row.
    """
    names = {question.name for question in questions}
    lines, others, further, unread, older = [], 0, 0, Counter[str](), Counter[str]()
    for task in _tasks(path):
        annotations = list(_annotations(task, names, unread, older))
        people = [each for each in annotations if not each.is_truth]
        truths = [each for each in annotations if each.is_truth]
        older[TRUTH] += len(truths[1:])
        truth = sorted(truths, key=lambda each: each.at)[-1:]
        chosen = {"first": people[:1] or truth, "second": people[1:2], "decision": truth}[reading]
        others += len(people) > 1
        further += max(len(people) - 2, 0)
        line = {ROW_ID: task["data"][ROW_ID]}
        for each in chosen:
            line |= _cells(each, names, columns)
        lines.append(line)
    notes = []
    if others and reading == "first":
        notes.append(
            f"{counted(others, 'task has', 'tasks have')} a second annotator. Another person can "
            "enter these answers from the same file as the second reading."
        )
    if further:
        notes.append(
            f"Left out: {counted(further, 'annotation')} by a third or later annotator, as a row "
            "has two readings. Mark as ground truth what decides."
        )
    notes += [
        f'"{name}" answers no question of the sample; {counted(count, "result")} weren\'t read.'
        for name, count in sorted(unread.items())
    ]
    notes += [
        f"Left out: {counted(count, 'older annotation')} {kind}"
        for kind, count in older.items()
        if count
    ]
    return ReadTasks(lines, notes)


def _tasks(path: Path) -> Iterator[dict[str, Any]]:
    try:
        tasks = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise InvalidRowFile(UNREADABLE, problem=error.msg, line=str(error.lineno)) from None
    except (UnicodeDecodeError, RecursionError):
        raise InvalidRowFile("The file isn't a JSON text in UTF-8.") from None
    except ValueError:  # of int(), which takes up to 4,300 digits
        raise InvalidRowFile("The file has an integer with more than 4,300 digits.") from None
    if not isinstance(tasks, list):
        raise InvalidRowFile("The file isn't a list of tasks.")
    for number, task in enumerate(tasks, start=1):
        data = task.get("data") if isinstance(task, dict) else None
        if not isinstance(data, dict) or not isinstance(data.get(ROW_ID), str):
            raise InvalidRowFile(
                "Task {number} has no `{name}` in its data. Import the tasks that the sample's "
                "download has.",
                number=str(number),
                name=ROW_ID,
            )
        if not isinstance(task.get("annotations"), list):
            raise InvalidRowFile("Task {number} has no `annotations`.", number=str(number))
        yield task


def _annotations(
    task: Mapping[str, Any], names: set[str], unread: Counter[str], older: Counter[str]
) -> Iterator[Annotation]:
    """Yield the newest annotation of each annotator, in the order in which they began.

    Those that aren't the newest are counted in ``older``.
    """
    newest: dict[str, Annotation] = {}
    given = [each for each in task["annotations"] if isinstance(each, dict)]
    for each in sorted(given, key=lambda one: str(one.get("created_at", ""))):
        values: dict[str, str] = {}
        results = each.get("result")
        for result in results if isinstance(results, list) else ():
            name = str(result.get("from_name", "")) if isinstance(result, dict) else ""
            text = _text(result)
            if name in names or name == NOTE:
                values[name] = f"{values[name]}, {text}" if name in values else text
            else:
                unread[name] += 1
        annotator = _annotator(each.get("completed_by"))
        is_truth, skipped = bool(each.get("ground_truth")), bool(each.get("was_cancelled"))
        found = Annotation(str(each.get("created_at", "")), annotator, skipped, is_truth, values)
        key = f"{is_truth} {annotator}"
        if key in newest:
            older[TRUTH if is_truth else SAME if annotator else UNNAMED] += 1
        newest[key] = found
    yield from newest.values()


def _annotator(given: Any) -> str:
    """An annotator's e-mail address, or the number."""
    if isinstance(given, dict):
        return str(given.get("email") or given.get("id") or "")
    return "" if given is None else str(given)


def _text(result: Any) -> str:
    """The value of a result as a cell; of a control of another kind, its JSON."""
    value = result.get("value") if isinstance(result, dict) else None
    if not isinstance(value, dict):
        return json.dumps(value)
    for kind in ("choices", "text", "number", "rating"):
        if kind in value:
            found = value[kind]
            parts = found if isinstance(found, list) else [found]
            return ("\n" if kind == "text" else ", ").join(map(_written, parts))
    return json.dumps(value, ensure_ascii=False)


def _written(value: Any) -> str:
    """A part of a value as text; a JSON number as digits that have one reading."""
    is_decimal = isinstance(value, float) and isfinite(value)
    return plain_text(value) if is_decimal else str(value)


def _cells(annotation: Annotation, names: set[str], columns: Mapping[str, str]) -> dict[str, str]:
    """The cells of an annotation, by the names of the columns of a file of answers."""
    note = annotation.values.get(NOTE, "") if NOTE not in names else ""
    by = f"Annotator: {annotation.annotator}" if annotation.annotator else ""
    cells = {columns["note"]: "; ".join(part for part in (note, by) if part)}
    if annotation.skipped:
        return {**cells, columns["outcome"]: "not_examinable"}
    return {**cells, **{name: text for name, text in annotation.values.items() if name in names}}
