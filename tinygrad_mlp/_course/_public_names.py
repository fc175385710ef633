"""What the packages export, as entries of a reference: signature, docstring, methods.

A name that several modules export has its entry in one of them, its home, where most of its kin
are: ``MLP`` in ``tinygrad_mlp.nn``. The others refer to it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType
from typing import Any, Final, Protocol

from tinygrad_mlp._course._assigned import assignment_of
from tinygrad_mlp._course._docstrings import Docstring, read_docstring
from tinygrad_mlp._course._signatures import returned, signature_of
from tinygrad_mlp.errors import MissingDependencyError

__all__ = ["Entry", "PublicNames", "public_modules"]


@dataclass(frozen=True)
class Entry:
    """What the reference says about a name.

    Attributes:
        name: as a person writes it after that of the module; of a method with its class.
        kind: "class", "exception", "protocol", "function", "method", "property", "constant" or
            "module".
        signature: as Python code.
        docstring: in parts.
        bases: of a class, by their names.
        members: of a class, its public methods and properties.
    """

    name: str
    kind: str
    signature: str
    docstring: Docstring
    bases: tuple[str, ...] = ()
    members: tuple[Entry, ...] = ()


class PublicNames:
    """All that some packages export, by module.

    >>> names = PublicNames(["tinygrad_mlp"])
    >>> names.home_of("tinygrad_mlp.MLP")
    'tinygrad_mlp.nn.MLP'
    >>> [entry.kind for entry in names.entries("tinygrad_mlp.nn") if entry.name == "MLP"]
    ['class']
    """

    def __init__(self, packages: Iterable[str]) -> None:
        self.packages: Final = tuple(packages)
        self.modules: Final = public_modules(self.packages)
        self._exported: Final[dict[int, list[str]]] = {}
        self._homes: Final = dict(self._find_homes())

    def find(self, name: str, module: str = "") -> str | None:
        """The home of what a text calls by that name, such as "MLP" or "optim.Adam".

        A class of which there is one may stand there without its module.

        Args:
            name: as written; with the brackets of a call, or without them.
            module: the public module that the text is about.
        """
        written = name.partition("(")[0]
        for before in (f"{module}.", "", *(f"{package}." for package in self.packages)):
            home = self.home_of(before + written)
            if home is not None:
                return home
        named = {home for home in self._homes.values() if home.endswith(f".{written}")}
        return named.pop() if len(named) == 1 and written[:1].isupper() else None

    def home_of(self, path: str) -> str | None:
        """Where the entry of a public name is: "tinygrad_mlp.MLP" gives that of the module nn.

        A module is at home where it is. None for what is not exported.
        """
        return path if path in self.modules else self._homes.get(path)

    def names(self, module: str) -> list[str]:
        """The public names of a module, in the order of the alphabet."""
        listed = [name for name in self.modules[module].__all__ if not name.startswith("__")]
        return sorted(listed, key=str.lower)

    def documentation(self, module: str) -> Docstring:
        """What the module says of itself."""
        return read_docstring(inspect.getdoc(self.modules[module]) or "")

    def entries(self, module: str) -> list[Entry]:
        """Those of the names that are at home in the module."""
        return [
            self.entry(f"{module}.{name}")
            for name in self.names(module)
            if self.home_of(f"{module}.{name}") == f"{module}.{name}"
            and f"{module}.{name}" not in self.modules
        ]

    def entry(self, path: str) -> Entry:
        """The entry of a public name, or of a module.

        Raises:
            KeyError: if it is not exported.
        """
        if path in self.modules:
            return Entry(path, "module", path, self.documentation(path))
        module, _, name = self._homes[path].rpartition(".")
        thing = getattr(self.modules[module], name)
        if inspect.isclass(thing):
            return _class_entry(name, thing, self._own_parts(thing))
        if inspect.isroutine(thing):
            return Entry(name, "function", signature_of(name, thing), _documented(thing))
        _, text, shown = assignment_of(self.modules[module], name)
        return Entry(name, "constant", shown, read_docstring(text))

    def _own_parts(self, cls: type) -> dict[str, Any]:
        """What a class has of its own, and of those of its bases that are not exported."""
        found: dict[str, Any] = {}
        for base in reversed(cls.__mro__):
            ours = base.__module__.partition(".")[0] in self.packages
            if base is cls or (ours and id(base) not in self._exported):
                found |= vars(base)
        return found

    def _find_homes(self) -> Iterator[tuple[str, str]]:
        for module in self.modules:
            for name in self.names(module):
                path = f"{module}.{name}"
                if path not in self.modules:
                    thing = getattr(self.modules[module], name)
                    self._exported.setdefault(id(thing), []).append(path)
        for paths in self._exported.values():
            made_in = [_made_in(self.modules[path.rpartition(".")[0]], path) for path in paths]
            home = max(paths, key=lambda path: _kinship(path, made_in[0]))
            yield from ((path, home) for path in paths)


def public_modules(packages: Iterable[str]) -> dict[str, ModuleType]:
    """The packages and their modules of which no part of the name begins with "_".

    A module that is made of a package which is not installed is left out.

    >>> "tinygrad_mlp.nn" in public_modules(["tinygrad_mlp"])
    True
    """
    names: list[str] = []
    for package in packages:
        loaded = import_module(package)
        names.append(package)
        found = [module.name for module in walk_packages(loaded.__path__, f"{package}.")]
        names += [name for name in found if "._" not in name]
    modules = {}
    for name in sorted(names):
        with suppress(MissingDependencyError):
            modules[name] = import_module(name)
    return modules


def _made_in(module: ModuleType, path: str) -> str:
    """The module in which the thing was written."""
    name = path.rpartition(".")[2]
    thing = getattr(module, name)
    if inspect.isclass(thing) or inspect.isroutine(thing):
        return str(thing.__module__)
    return assignment_of(module, name)[0]


def _kinship(path: str, made_in: str) -> tuple[int, int, str]:
    """How near the module of a path is to where the thing was made; then: how short it is."""
    module = path.rpartition(".")[0].split(".")
    shared = 0
    for part, other in zip(module, made_in.split(".")):
        if part != other:
            break
        shared += 1
    return shared, -len(module), path


def _documented(thing: Any) -> Docstring:
    return read_docstring(inspect.getdoc(thing) or "")


def _class_entry(name: str, cls: type, own: Mapping[str, Any]) -> Entry:
    kind, signature = "class", f"class {signature_of(name, cls, returns=False)}"
    if Protocol in cls.__bases__:
        kind, signature = "protocol", f"class {name}(Protocol)"
    elif issubclass(cls, BaseException):
        kind, signature = "exception", f"class {name}({', '.join(_bases(cls))})"
    members = tuple(_members(name, cls, own))
    return Entry(name, kind, signature, _documented(cls), tuple(_bases(cls)), members)


def _bases(cls: type) -> list[str]:
    return [base.__name__ for base in cls.__bases__ if base not in (object, Protocol)]


def _members(name: str, cls: type, own: Mapping[str, Any]) -> Iterator[Entry]:
    """The public methods and properties of a class."""
    for member_name, member in own.items():
        if member_name.startswith("_") or not hasattr(cls, member_name):
            continue
        path = f"{name}.{member_name}"
        if isinstance(member, property):
            shown = path + returned(member.fget)
            yield Entry(path, "property", shown, _documented(member))
        elif inspect.isroutine(member) or isinstance(member, classmethod | staticmethod):
            bound = getattr(cls, member_name)
            yield Entry(path, "method", signature_of(path, bound), _documented(bound))
