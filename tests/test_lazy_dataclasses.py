"""Lazy dataclasses behave as those of the standard library."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import threading
from dataclasses import FrozenInstanceError, field, fields, replace
from functools import cached_property
from typing import Any, ClassVar

import pytest

import lazy_dataclasses
from lazy_dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """A point."""

    x: int
    y: float = 2.0
    names: list[str] = field(default_factory=list, compare=False)
    count: ClassVar[int] = 3

    @cached_property
    def total(self) -> float:
        return self.x + self.y


@dataclass(frozen=True, kw_only=True)
class Named(Point):
    name: str
    note: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("name")


@dataclass(frozen=True, eq=False)
class Single:
    value: int


@dataclass(frozen=True)
class Written:
    value: int

    def __repr__(self) -> str:
        return "written"


class Plain(Point):
    """No dataclass itself."""


def is_generated(cls: Any, name: str = "__init__") -> bool:
    return cls.__dict__[name].__code__.co_filename == "<string>"


def made(make: Any) -> Any:
    """A new class with two fields and a default, by this decorator."""

    @make(frozen=True)
    class Made:
        first: int
        second: tuple[Any, ...] = ()

    return Made


MAKERS = pytest.mark.parametrize("make", [dataclasses.dataclass, lazy_dataclasses.dataclass])


@MAKERS
def test_a_class_with_an_equality_of_its_own_has_a_hash(make: Any) -> None:
    @make(frozen=True)
    class Folded:
        name: str

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Folded) and self.name.lower() == other.name.lower()

    assert Folded("a") == Folded("A")
    assert hash(Folded("a")) == hash(Folded("a"))


def test_a_method_is_generated_by_its_first_call() -> None:
    lazy = made(dataclass)
    assert [each.name for each in fields(lazy)] == ["first", "second"]
    assert lazy.second == ()
    assert not is_generated(lazy)
    assert lazy(1).first == 1
    assert is_generated(lazy)
    assert not is_generated(lazy, "__eq__")
    assert lazy(1) == lazy(1)
    assert is_generated(lazy, "__eq__")
    assert len({lazy(1), lazy(1), lazy(2)}) == 2
    assert is_generated(lazy, "__hash__")


def test_fields_and_defaults_are_kept() -> None:
    point = Point(1)
    assert (point.x, point.y, point.names, point.count) == (1, 2.0, [], 3)
    assert Point(1).names is not point.names
    assert point.total == 3.0
    assert repr(point) == "Point(x=1, y=2.0, names=[])"
    assert point == Point(1, names=["a"])
    assert hash(point) == hash(Point(1, names=["a"]))
    assert point != Point(2)
    assert point != (1, 2.0)
    assert replace(point, x=5) == Point(5)
    assert dataclasses.asdict(point) == {"x": 1, "y": 2.0, "names": []}


def test_a_subclass_has_the_fields_of_its_base() -> None:
    named = Named(1, name="a")
    assert repr(named) == "Named(x=1, y=2.0, names=[], name='a')"
    assert named != Point(1)
    with pytest.raises(ValueError, match="name"):
        Named(1, name="")
    with pytest.raises(TypeError, match=r"__init__\(\)"):
        Named(1, 2.0, [], "a")  # type: ignore[misc]
    assert Plain(1) == Plain(1)
    assert Plain(1) != Point(1)


@MAKERS
def test_instances_are_frozen(make: Any) -> None:
    cls = made(make)
    instance = cls(1)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'first'"):
        instance.first = 2
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'other'"):
        instance.other = 2
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'first'"):
        del instance.first

    class Sub(cls):  # type: ignore[misc]
        pass

    sub: Any = Sub(1)
    sub.other = 2
    assert sub.other == 2
    with pytest.raises(FrozenInstanceError):
        sub.first = 2


@MAKERS
def test_wrong_arguments_are_refused(make: Any) -> None:
    cls = made(make)
    for _ in range(2):
        with pytest.raises(TypeError, match="missing 1 required positional argument: 'first'"):
            cls()
        with pytest.raises(TypeError, match="unexpected keyword argument 'third'"):
            cls(1, third=3)


@MAKERS
def test_patterns_match_by_place(make: Any) -> None:
    cls = made(make)
    match cls(1, (2,)):
        case cls(first, (second,)):
            assert (first, second) == (1, 2)
        case _:
            pytest.fail("no match")


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))]
)
def test_copies_are_equal(copied: Any) -> None:
    point = Named(1, name="a", names=["b"])
    assert copied(point) == point
    assert copied(point).names == ["b"]


def test_a_class_without_instances_has_its_methods() -> None:
    """Unpickling calls no ``__init__``, so each method may be the first."""
    expected = made(dataclasses.dataclass)(1)
    for call in (repr, hash, lambda one: one == copy.copy(one)):
        cls = made(dataclass)
        instance = cls.__new__(cls)
        instance.__dict__.update(first=1, second=())
        assert call(instance) == call(expected)


def test_methods_of_the_body_are_kept() -> None:
    assert repr(Written(1)) == "written"
    assert Written(1) == Written(1)
    assert Single(1) != Single(1)
    assert "__eq__" not in Single.__dict__


def test_an_instance_may_be_made_by_many_threads_at_once() -> None:
    for _ in range(50):
        cls, begin, seen = made(dataclass), threading.Barrier(4), []

        def make(cls: Any = cls, begin: Any = begin, seen: list[Any] = seen) -> None:
            begin.wait()
            seen.append(cls(1, (2,)))

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [cls(1, (2,))] * 4


def test_other_dataclasses_are_the_standard_librarys() -> None:
    @dataclass
    class Changing:
        value: int

    @dataclass(frozen=True, slots=True)
    class Slotted:
        value: int

    changing = Changing(1)
    changing.value = 2
    assert changing == Changing(2)
    assert is_generated(Changing)
    assert not hasattr(Slotted(1), "__dict__")
