"""What the data flow knows of libraries: sources, sinks, sanitisers and propagators, read from TOML.

Names are qualified as rules see them (``flask.request.args``; ``()`` stands for a call's result). The files of the
package come first, then those of the repository under review in ``.kibitz/flows/*.toml``.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "data"
LABELS = frozenset({"remote", "local", "environment", "file", "exception"})
_WORD = re.compile(r"[^\W\d]\w*")


class ModelError(Exception):
    """A TOML file that does not say what is expected; the message says where and what."""


@dataclass(frozen=True, slots=True)
class SourceModel:
    """Values an outsider controls. ``deep``: so is everything in them."""

    label: str
    what: str
    clean: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SinkModel:
    """Arguments in which values of a kind do harm.

    ``args`` are positions, ``keywords`` names; ``labels`` the sources that count. ``when`` asks more of the call:
    ``shell`` (a shell reads it), ``text`` (the argument begins a text of the kind), ``whole`` (the start is not fixed).
    """

    kind: str
    args: tuple[int, ...]
    keywords: tuple[str, ...]
    labels: frozenset[str]
    when: str = ""
    what: str = ""


@dataclass(slots=True)
class Models:
    """All that is known, by name."""

    sources: dict[str, SourceModel] = field(default_factory=dict)
    source_methods: dict[str, SourceModel] = field(default_factory=dict)
    #: What the names of sources begin with: ``flask.request`` for ``flask.request.args``.
    source_parents: set[str] = field(default_factory=set)
    sinks: dict[str, list[SinkModel]] = field(default_factory=dict)
    sink_methods: dict[str, list[SinkModel]] = field(default_factory=dict)
    sanitizers: dict[str, frozenset[str]] = field(default_factory=dict)
    sanitizer_methods: dict[str, frozenset[str]] = field(default_factory=dict)
    propagators: set[str] = field(default_factory=set)
    propagator_methods: set[str] = field(default_factory=set)
    harmless: set[str] = field(default_factory=set)
    handlers: dict[str, SourceModel] = field(default_factory=dict)
    words: set[str] = field(default_factory=set)
    sink_words: dict[str, set[str]] = field(default_factory=dict)

    def take(self, document: Mapping[str, Any], where: str) -> None:
        """Add one TOML document; raises ``ModelError``."""
        for entry in document.get("source", []):
            label = entry.get("label", "remote")
            if label not in LABELS:
                raise ModelError(f"{where}: expected a label of {', '.join(sorted(LABELS))}, got {label!r}")
            model = SourceModel(label, entry.get("what", "input"), frozenset(entry.get("clean", [])))
            self.sources.update(dict.fromkeys(entry.get("names", []), model))
            self.source_methods.update(dict.fromkeys(entry.get("methods", []), model))
            for name in entry.get("names", []):
                self.source_parents |= {name[:at] for at, character in enumerate(name) if character == "."}
            self.handlers.update(dict.fromkeys(entry.get("handlers", []), model))
            self.words |= _last_words([*entry.get("names", []), *entry.get("methods", [])])
            self.words |= set(entry.get("words", [])) | _last_words(entry.get("handlers", []))
        for entry in document.get("sink", []):
            self._take_sink(entry, where)
        for entry in document.get("sanitizer", []):
            kinds = frozenset(entry.get("kinds", ["*"]))
            for name in entry.get("names", []):
                self.sanitizers[name] = self.sanitizers.get(name, frozenset()) | kinds
            for name in entry.get("methods", []):
                self.sanitizer_methods[name] = self.sanitizer_methods.get(name, frozenset()) | kinds
        for entry in document.get("propagator", []):
            self.propagators |= set(entry.get("names", []))
            self.propagator_methods |= set(entry.get("methods", []))
        for entry in document.get("harmless", []):
            self.harmless |= set(entry.get("names", []))

    def _take_sink(self, entry: Mapping[str, Any], where: str) -> None:
        if "kind" not in entry:
            raise ModelError(f"{where}: a sink needs a kind")
        model = SinkModel(
            entry["kind"],
            tuple(entry.get("args", [0])),
            tuple(entry.get("keywords", [])),
            frozenset(entry.get("labels", ["remote", "local"])),
            entry.get("when", ""),
            entry.get("what", ""),
        )
        for name in entry.get("names", []):
            self.sinks.setdefault(name, []).append(model)
        for name in entry.get("methods", []):
            self.sink_methods.setdefault(name, []).append(model)
        words = self.sink_words.setdefault(model.kind, set())
        words |= _last_words([*entry.get("names", []), *entry.get("methods", [])])


def read_models(files: Iterable[Path]) -> Models:
    """The models of these files; raises ``ModelError``."""
    models = Models()
    for file in files:
        try:
            models.take(tomllib.loads(file.read_text(encoding="utf-8")), file.name)
        except (tomllib.TOMLDecodeError, OSError, TypeError, AttributeError) as error:
            raise ModelError(f"{file.name}: {error}") from None
    return models


@functools.cache
def standard_models() -> Models:
    """The models that come with the package."""
    return read_models(sorted(FOLDER.glob("*.toml")))


@functools.cache
def models_for(root: Path | None) -> Models:
    """The package's models and those of the repository at ``root``."""
    own = sorted((root / ".kibitz" / "flows").glob("*.toml")) if root is not None else []
    return read_models([*sorted(FOLDER.glob("*.toml")), *own]) if own else standard_models()


def _last_words(names: Iterable[str]) -> set[str]:
    """The last identifier of each name: what a file that uses it must hold."""
    return {words[-1] for words in (_WORD.findall(name) for name in names) if words}
