"""A network as a list of layers that somebody wrote: read with the place of every mistake, then built like the others.

The list is JSON: names such as ``"relu"``, or objects such as ``{"layer": "conv", "filters": 32, "kernel": 3}``. The
layers are those of ``own_layers``; the outputs are added behind the last one. Nothing in it is executed.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.activations import ACTIVATIONS, ALIASES
from app.domain.errors import Invalid
from app.domain.own_layers import ENDS, ON_MAPS, VALUES

MOST_LAYERS = 100
MOST_TEXT = 8_000
MOST_WEIGHTS = 50_000_000
EXAMPLE = """[
  {"layer": "conv", "filters": 32, "kernel": 3}, "norm", "relu", "pool",
  {"layer": "conv", "filters": 64, "kernel": 3}, "norm", "relu",
  "mean",
  {"layer": "dropout", "rate": 0.3}
]"""


@dataclass(frozen=True)
class Step:
    """One layer: its place in the list and the line it stands on, both from 1."""

    number: int
    line: int
    kind: str
    values: Mapping[str, Any]


def parse(text: str) -> list[Step]:
    """The layers of a list.

    Raises:
        Invalid: ``layers_long``, ``layers_unreadable`` (line, column), ``layers_count``, ``layer_unknown``,
            ``layer_value``, ``layer_order`` or ``layers_without``, each with the line where it has one.
    """
    steps = [_step(number, line, item) for number, (line, item) in enumerate(_items(text), 1)]
    if not 1 <= len(steps) <= MOST_LAYERS:
        raise Invalid("layers_count", count=len(steps), most=MOST_LAYERS)
    map_left = True
    for step in steps:
        if not map_left and step.kind in ON_MAPS:
            raise Invalid("layer_order", line=step.line, number=step.number, layer=step.kind)
        if map_left and step.kind == "dense":
            raise Invalid("layer_order_dense", line=step.line, number=step.number)
        map_left = map_left and step.kind not in ENDS
    if map_left:
        raise Invalid("layers_without", missing=", ".join(ENDS))
    return steps


def _items(text: str) -> Iterator[tuple[int, Any]]:
    """Each element of a JSON list with its line, so that a mistake can be shown where it is."""
    decoder, place = json.JSONDecoder(), _skip(text, 0)
    length = len(text.replace("\r\n", "\n"))  # browsers count the end of a line once and send it as two
    if length > MOST_TEXT:
        raise Invalid("layers_long", count=length, most=MOST_TEXT)
    if text[place : place + 1] != "[":
        raise _unreadable(text, place)
    place = _skip(text, place + 1)
    while text[place : place + 1] != "]":
        try:
            item, end = decoder.raw_decode(text, place)
            json.dumps(item, ensure_ascii=False).encode()  # half a pair of surrogates is no text
        except (ValueError, RecursionError) as error:  # ValueError also of a number of thousands of digits
            raise _unreadable(text, getattr(error, "pos", place)) from None
        yield text.count("\n", 0, place) + 1, item
        place = _skip(text, end)
        if text[place : place + 1] == ",":
            place = _skip(text, place + 1)
            if text[place : place + 1] == "]":
                raise _unreadable(text, place)
        elif text[place : place + 1] != "]":
            raise _unreadable(text, place)
    if text[place + 1 :].strip():
        raise _unreadable(text, place + 1)


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t\r\n":
        place += 1
    return place


def _unreadable(text: str, place: int) -> Invalid:
    line = text.count("\n", 0, place) + 1
    return Invalid("layers_unreadable", line=line, column=place - (text.rfind("\n", 0, place) + 1) + 1)


def _step(number: int, line: int, item: Any) -> Step:
    given = {"layer": item} if isinstance(item, str) else item
    kind = given.get("layer") if isinstance(given, dict) else None
    kind = ALIASES.get(kind, kind) if isinstance(kind, str) else kind
    if not isinstance(kind, str) or kind not in VALUES:
        raise Invalid("layer_unknown", line=line, number=number, layer=str(kind)[:40], known=", ".join(VALUES))
    about = VALUES[kind]
    odd = next((name for name in given if name != "layer" and name not in about), None)
    if odd is not None:
        known = ", ".join(about) or "–"
        raise Invalid("layer_value_unknown", line=line, number=number, layer=kind, name=odd[:40], known=known)
    values: dict[str, Any] = {}
    for name in about:
        values[name] = _value(given, name, step=(number, line, kind), so_far=values)
    return Step(number, line, kind, values)


def _value(given: Mapping[str, Any], name: str, *, step: tuple[int, int, str], so_far: Mapping[str, Any]) -> Any:
    number, line, kind = step
    about = VALUES[kind][name]
    spec = about.field
    if name not in given:
        default = so_far[about.like] if about.like else about.default
        if default is None:
            raise Invalid("layer_value_missing", line=line, number=number, layer=kind, name=name)
        return default
    value = given[name]
    try:
        if about.pair and isinstance(value, list) and len(value) == 2:
            return tuple(spec.parse(_counted(one)) for one in value)
        # True is 1 for Python, and no number for whoever wrote it.
        return spec.parse(_counted(value) if spec.kind != "bool" else value)
    except Invalid:
        allowed = ", ".join(spec.choices) if spec.choices else f"{spec.low:g} – {spec.high:g}"
        if spec.kind == "bool":
            allowed = "true, false"
        if about.pair:
            allowed += ", [3, 1]"
        raise Invalid(
            "layer_value", line=line, number=number, layer=kind, name=name, value=str(value)[:40], allowed=allowed
        ) from None


def _counted(value: Any) -> Any:
    return str(value) if isinstance(value, bool) else value


def build(steps: list[Step], net: Any) -> None:
    """Add the layers to ``net``, a sketch of the network or its layers.

    Raises:
        Invalid: ``layer_nothing_left`` where the picture is used up.
    """
    net.initializer = "he_normal"
    for step in steps:
        try:
            _add(net, step)
        except ValueError:
            raise Invalid("layer_nothing_left", line=step.line, number=step.number, layer=step.kind) from None
    net.initializer = "glorot_uniform"


def _add(net: Any, step: Step) -> None:
    if step.kind in ACTIVATIONS:
        net.activation(step.kind)
    else:
        getattr(net, step.kind)(**step.values)
