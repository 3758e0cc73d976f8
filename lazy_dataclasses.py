"""Frozen dataclasses whose methods the standard library generates when one is first needed.

It compiles up to six methods of each dataclass while a module is imported. The server has a
thousand dataclasses and a start uses a tenth of them: the methods took half of its time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["dataclass"]

T = TypeVar("T")


def _lazy_dataclass(
    cls: type[T] | None = None, /, *, frozen: bool = False, eq: bool = True, **options: bool
) -> type[T] | Callable[[type[T]], type[T]]:
    """Make a dataclass as :func:`dataclasses.dataclass` does; only a frozen one is lazy.

    The fields are known at once. The first call of a method generates it.
    """
    if not frozen or not options.keys() <= {"kw_only"}:
        return dataclasses.dataclass(cls, frozen=frozen, eq=eq, **options)

    def make(cls: type[T]) -> type[T]:
        if "__dataclass_fields__" in cls.__dict__:
            raise TypeError(f"{cls.__name__} is a dataclass by its base already.")
        cls = dataclasses.dataclass(init=False, repr=False, eq=False, **options)(cls)
        _add_methods(cls, eq)
        _freeze(cls)
        return cls

    return make


def _add_methods(cls: Any, eq: bool) -> None:
    """Add the methods that are generated later, but for those that the body has."""
    own = dict(cls.__dict__)
    if "__eq__" in own and own.get("__hash__") is None:
        own.pop("__hash__", None)  # a body with __eq__ alone sets it to None
    names = ("__init__", "__repr__", "__eq__", "__hash__") if eq else ("__init__", "__repr__")
    for name in names:
        if name not in own:
            setattr(cls, name, _generating(cls, name))


def _generating(cls: Any, name: str) -> Callable[..., Any]:
    """A method that replaces itself by the one that the standard library generates."""

    def method(*args: Any, **values: Any) -> Any:
        members: dict[str, Any] = {"__doc__": name}  # without one its signature is inspected
        if hasattr(cls, "__post_init__"):
            members["__post_init__"] = cls.__post_init__
        twin = dataclasses.make_dataclass(
            cls.__name__,
            [(each.name, each.type, each) for each in dataclasses.fields(cls)],
            namespace=members,
            init=name == "__init__",
            repr=name == "__repr__",
            eq=name in ("__eq__", "__hash__"),
            frozen=True,
        )
        generated = twin.__dict__[name]
        setattr(cls, name, generated)
        return generated(*args, **values)

    return method


def _freeze(cls: Any) -> None:
    """Refuse assignments, as the methods that the standard library generates for it."""

    def set_attribute(self: Any, name: str, value: object) -> None:
        if type(self) is cls or name in cls.__dataclass_fields__:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)

    def delete_attribute(self: Any, name: str) -> None:
        if type(self) is cls or name in cls.__dataclass_fields__:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    cls.__setattr__, cls.__delattr__ = set_attribute, delete_attribute


if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    dataclass = _lazy_dataclass
