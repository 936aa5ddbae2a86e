"""Which fields recorded events have, by type of event: what lint compares the fields of mappings with.

A file of a folder's `samples/`:

recorded:                       # fields of events as a collector delivered them; of what it could not read too
  snapshot.aws.iam.user: [Arn, UserName, Tags.Key]
documented:                     # in no recorded event yet, and where the source's own documentation has them
  log.aws.cloudtrail:
    requestParameters.httpTokens: https://docs.aws.amazon.com/…
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipeline.rules.logsource import reaches
from pipeline.rules.problems import RulesError, nearest
from pipeline.rules.reader import sample_texts
from pipeline.rules.yamldoc import YamlError, read_documents

_KEYS: Final = ("recorded", "documented")

Fields = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Samples:
    """Fields by type of event: of recorded events, and of those that only documentation tells of."""

    recorded: Fields = field(default_factory=dict)
    documented: Fields = field(default_factory=dict)

    def of(self, types: Iterable[str]) -> tuple[frozenset[str], frozenset[str]] | None:
        """The fields, recorded and documented, of events that these types of a mapping reach; None where none was recorded."""
        wanted = tuple(types)
        reached = [name for name in {*self.recorded, *self.documented} if reaches(wanted, name)]
        if not reached:
            return None
        nothing: frozenset[str] = frozenset()
        return (
            nothing.union(*(self.recorded.get(name, nothing) for name in reached)),
            nothing.union(*(self.documented.get(name, nothing) for name in reached)),
        )


def read_samples(paths: Iterable[Path]) -> Samples:
    """The samples of the product and those below `paths`. Raises RulesError for a file that cannot be used."""
    found: dict[str, dict[str, set[str]]] = {key: defaultdict(set) for key in _KEYS}
    for name, text in sample_texts(list(paths)).items():
        _read(name, text, found)
    return Samples(*({kind: frozenset(names) for kind, names in found[key].items()} for key in _KEYS))


def _read(name: str, text: str, found: Mapping[str, dict[str, set[str]]]) -> None:
    try:
        documents = read_documents(text)
    except YamlError as error:
        raise RulesError(f"{name}:{error.line}: {error}") from error
    for document in documents:
        if not isinstance(document.data, dict):
            raise RulesError(f"{name}: samples are a map with recorded and documented")
        for key, types in document.data.items():
            line = document.line_of((key,))
            if key not in _KEYS:
                raise RulesError(f"{name}:{line}: unknown key {key!r}; {nearest(key, _KEYS) or 'it takes ' + ', '.join(_KEYS)}")
            if not isinstance(types, dict) or not all(isinstance(fields, list | dict) for fields in types.values()):
                raise RulesError(f"{name}:{line}: {key} is a map of event types to their fields")
            for kind, fields in types.items():
                found[key][kind].update(str(each) for each in fields)
