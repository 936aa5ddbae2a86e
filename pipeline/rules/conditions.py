"""Selections and a condition -> one node tree. pySigma parses the condition; its names are resolved here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pyparsing import ParseBaseException
from sigma.conditions import (
    ConditionAND,
    ConditionIdentifier,
    ConditionNOT,
    ConditionOR,
    ConditionSelector,
)
from sigma.exceptions import SigmaError
from sigma.modifiers import reverse_modifier_mapping
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaDetections
from sigma.types import SigmaExpansion, SigmaType

from pipeline.rules.atoms import Target, exact_of, node_of, one_of
from pipeline.rules.detection import DetectionError, Names, build_selection
from pipeline.rules.nodes import All, AnyOf, Atom, Node, Not
from pipeline.rules.problems import RulesError, nearest
from pipeline.rules.view import FieldPath
from pipeline.rules.yamldoc import Place

_MAX_CONDITION: Final = 4096
_MAX_PARENTHESES: Final = 24
_CONDITION_HINT: Final = "it may use: and, or, not, ( ), 1 of name*, all of them"


class Compiled:
    """A compiled detection: its node, and the names of selections that its condition never uses."""

    __slots__ = ("node", "unused")

    def __init__(self, node: Node, unused: tuple[str, ...]) -> None:
        self.node = node
        self.unused = unused


def compile_detection(raw: object, names: Names, place: Place) -> Compiled:
    """A map of named selections with its `condition`. Raises DetectionError with the place of what is wrong."""
    if not isinstance(raw, dict):
        raise DetectionError("must be a map of selections with a condition", place)
    if "timeframe" in raw:
        raise DetectionError("a timeframe (counting events over time) is not supported", (*place, "timeframe"))
    conditions = raw.get("condition")
    texts = conditions if isinstance(conditions, list) else [conditions]
    at = (*place, "condition")
    if not texts or not all(isinstance(text, str) for text in texts):
        raise DetectionError("needs a condition: text that names its selections", at if "condition" in raw else place)
    selections = {name: build_selection(value, names, (*place, name)) for name, value in raw.items() if name != "condition"}
    if not selections:
        raise DetectionError("has a condition and no selection", place)
    resolver = _Resolver(selections, place)
    parsed = [resolver.condition(str(text), at) for text in texts]
    node = parsed[0] if len(parsed) == 1 else AnyOf(tuple(parsed))
    return Compiled(node, tuple(name for name in selections if name not in resolver.used))


def compile_selection(raw: object, names: Names, place: Place) -> Compiled:
    """An `until` or `population`: one selection, or a map of selections with its own condition. Raises DetectionError."""
    if isinstance(raw, dict) and "condition" in raw:
        return compile_detection(raw, names, place)
    return Compiled(_selection(build_selection(raw, names, place), place), ())


class _Resolver:
    def __init__(self, selections: Mapping[str, SigmaDetection], place: Place) -> None:
        self._selections = selections
        self._place = place
        self._nodes: dict[str, Node] = {}
        self.used: set[str] = set()

    def condition(self, text: str, at: Place) -> Node:
        """The node of one condition text."""
        if len(text) > _MAX_CONDITION or text.count("(") > _MAX_PARENTHESES * 8 or _nesting(text) > _MAX_PARENTHESES:
            raise DetectionError("the condition is too long or too deeply nested", at)
        try:
            detections = SigmaDetections(dict(self._selections), [text])
            parsed = detections.parsed_condition[0].parse(postprocess=False)
            return self._node(parsed, detections)
        except DetectionError as error:
            raise DetectionError(str(error), error.place or at, error.hint) from error
        except (SigmaError, RulesError, ParseBaseException, RecursionError) as error:
            raise DetectionError(f"the condition cannot be read: {error}", at, _CONDITION_HINT) from error

    def _node(self, item: object, detections: SigmaDetections) -> Node:
        match item:
            case ConditionIdentifier():
                return self._named(item.identifier)
            case ConditionSelector():
                found = [chosen.identifier for chosen in item.resolve_referenced_detections(detections)]
                if not found:
                    raise DetectionError(f"no selection fits {item.pattern!r}", ())
                nodes = tuple(self._named(name) for name in found)
                return All(nodes) if item.cond_class is ConditionAND else AnyOf(nodes)
            case ConditionNOT():
                return Not(self._node(item.args[0], detections))
            case ConditionAND():
                return All(tuple(self._node(child, detections) for child in item.args))
            case ConditionOR():
                return AnyOf(tuple(self._node(child, detections) for child in item.args))
        raise RulesError(f"{type(item).__name__} has no meaning in a condition")

    def _named(self, name: str) -> Node:
        if name not in self._selections:
            raise DetectionError(f"the condition names no selection of the rule: {name!r}", (), nearest(name, self._selections))
        self.used.add(name)
        if name not in self._nodes:
            self._nodes[name] = _selection(self._selections[name], (*self._place, name))
        return self._nodes[name]


def _nesting(text: str) -> int:
    depth = deepest = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    return deepest


def _selection(detection: SigmaDetection, place: Place) -> Node:
    children = tuple(
        _item(child, place) if isinstance(child, SigmaDetectionItem) else _selection(child, place)
        for child in detection.detection_items
    )
    if len(children) == 1:
        return children[0]
    return All(children) if detection.item_linking is ConditionAND else AnyOf(children)


def _item(item: SigmaDetectionItem, place: Place) -> Node:
    modifiers = frozenset(reverse_modifier_mapping[modifier.__name__] for modifier in item.modifiers)
    target = Target(FieldPath.of(item.field) if item.field is not None else None, modifiers)
    try:
        nodes = [_value(value, target) for value in item.value]
    except RulesError as error:
        raise DetectionError(str(error), (*place, _key(item))) from error
    node = _every(nodes) if item.value_linking is ConditionAND else _any(nodes)
    return Not(node) if item.negated else node


def _key(item: SigmaDetectionItem) -> str:
    return "|".join([item.field or "", *(reverse_modifier_mapping[modifier.__name__] for modifier in item.modifiers)])


def _value(value: SigmaType, target: Target) -> Node:
    if isinstance(value, SigmaExpansion):
        return _any([_value(each, target) for each in value.values])
    return node_of(value, target)


def _every(nodes: list[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else All(tuple(nodes))


def _any(nodes: list[Node]) -> Node:
    """Any of them, the exact texts among them as one set."""
    exact = [node for node in nodes if isinstance(node, Atom) and exact_of(node) is not None]
    if len(exact) > 1:
        nodes = [one_of(exact), *(node for node in nodes if node not in exact)]
    return nodes[0] if len(nodes) == 1 else AnyOf(tuple(nodes))
