"""Operators that work number by number, as formulas of C: operator → (types of the operands) → text with {0}, {1}, …"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from moliere.deploy.c.graph import C_TYPES

#: formula of an operator: attributes, type of the operands → text; the operands are without side effects
Formula = Callable[[Mapping[str, Any], str], str]


def _same(text: str) -> Formula:
    return lambda attributes, dtype: text


def _function(name: str) -> Formula:
    """A function of the C library, which has another name for floats."""
    return lambda attributes, dtype: f"{name}{'f' if dtype == 'float32' else ''}({{0}})"


def _piece(name: str) -> Formula:
    """A function of ours, for floats and for doubles."""
    return lambda attributes, dtype: f"{name}_{C_TYPES[dtype]}({{0}})"


def _constant(value: float, dtype: str) -> str:
    return literal(value, dtype)


def _clip(attributes: Mapping[str, Any], dtype: str) -> str:
    low, high = attributes.get("min"), attributes.get("max")
    text = "{0}" if low is None else f"larger_{C_TYPES[dtype]}({{0}}, {literal(low, dtype)})"
    return text if high is None else f"smaller_{C_TYPES[dtype]}({text}, {literal(high, dtype)})"


def _leaky(attributes: Mapping[str, Any], dtype: str) -> str:
    return f"({{0}} < 0 ? {_constant(attributes.get('alpha', 0.01), dtype)} * {{0}} : {{0}})"


def _elu(attributes: Mapping[str, Any], dtype: str) -> str:
    alpha = _constant(attributes.get("alpha", 1.0), dtype)
    return f"({{0}} < 0 ? {alpha} * expm1{'f' if dtype == 'float32' else ''}({{0}}) : {{0}})"


def _gelu(attributes: Mapping[str, Any], dtype: str) -> str:
    if attributes.get("approximate", "none") != "none":
        inner = (
            f"{_constant(0.7978845608028654, dtype)} * ({{0}} + {_constant(0.044715, dtype)} * {{0}} * {{0}} * {{0}})"
        )
        return f"({_constant(0.5, dtype)} * {{0}} * (1 + tanh{'f' if dtype == 'float32' else ''}({inner})))"
    scaled = f"{{0}} * {_constant(0.7071067811865476, dtype)}"
    return f"({_constant(0.5, dtype)} * {{0}} * (1 + erf{'f' if dtype == 'float32' else ''}({scaled})))"


def _power(attributes: Mapping[str, Any], dtype: str) -> str:
    return f"pow{'f' if dtype == 'float32' else ''}({{0}}, {{1}})"


def _absolute(attributes: Mapping[str, Any], dtype: str) -> str:
    return "({0} < 0 ? -{0} : {0})" if dtype.startswith("int") else f"fabs{'f' if dtype == 'float32' else ''}({{0}})"


def _extreme(name: str) -> Formula:
    """Of two or more operands; ``n_operands`` says how many."""

    def formula(attributes: Mapping[str, Any], dtype: str) -> str:
        text = "{0}"
        for k in range(1, attributes["n_operands"]):
            text = f"{name}_{C_TYPES[dtype]}({text}, {{{k}}})"
        return text

    return formula


def _sum(attributes: Mapping[str, Any], dtype: str) -> str:
    return "(" + " + ".join(f"{{{k}}}" for k in range(attributes["n_operands"])) + ")"


#: of the operators whose operands have one type, which is the result's
ARITHMETIC: Mapping[str, Formula] = {
    "Identity": _same("{0}"),
    "Dropout": _same("{0}"),
    "Add": _same("({0} + {1})"),
    "Sub": _same("({0} - {1})"),
    "Mul": _same("({0} * {1})"),
    "Div": _same("({0} / {1})"),
    "Neg": _same("(-{0})"),
    "Reciprocal": _same("(1 / {0})"),
    "Abs": _absolute,
    "Sum": _sum,
    "Min": _extreme("smaller"),
    "Max": _extreme("larger"),
    "Clip": _clip,
    "Relu": _same("({0} < 0 ? 0 : {0})"),
    "LeakyRelu": _leaky,
    "Elu": _elu,
    "Gelu": _gelu,
    "Sigmoid": _piece("logistic"),
    "Softplus": _piece("softplus"),
    "Exp": _piece("exponential"),
    "Log": _function("log"),
    "Sqrt": _function("sqrt"),
    "Sin": _function("sin"),
    "Cos": _function("cos"),
    "Tan": _function("tan"),
    "Atan": _function("atan"),
    "Tanh": _function("tanh"),
    "Erf": _function("erf"),
    "Floor": _function("floor"),
    "Ceil": _function("ceil"),
    "Round": _function("rint"),
    "Pow": _power,
}

#: of those that compare numbers, and of those of truth values
LOGIC: Mapping[str, str] = {
    "Less": "({0} < {1})",
    "LessOrEqual": "({0} <= {1})",
    "Greater": "({0} > {1})",
    "GreaterOrEqual": "({0} >= {1})",
    "Equal": "({0} == {1})",
    "And": "({0} && {1})",
    "Or": "({0} || {1})",
    "Xor": "(!{0} != !{1})",
    "Not": "(!{0})",
    "IsNaN": "({0} != {0})",
}


def literal(value: Any, dtype: str) -> str:
    """A number as C reads it back to the last bit."""
    if dtype == "bool":
        return str(int(bool(value)))
    if dtype.startswith("int"):
        return f"INT64_C({int(value)})" if dtype == "int64" else str(int(value))
    number = float(value)
    if number != number:
        return "NAN"
    if number in (float("inf"), float("-inf")):
        return "INFINITY" if number > 0 else "(-INFINITY)"
    text = f"{number:.9g}" if dtype == "float32" else f"{number:.17g}"
    text = text if set(text) & set(".e") else text + ".0"
    text += "f" if dtype == "float32" else ""
    return f"({text})" if number < 0 else text


def cast(text: str, source: str, target: str) -> str:
    """A number of one type as another; what no whole number can hold becomes the nearest, and NaN becomes 0."""
    if source == target:
        return text
    if target == "bool":
        return f"({text} != 0)"
    if target.startswith("int") and source.startswith("float"):
        return f"({C_TYPES[target]})whole_number({text})"
    return f"({C_TYPES[target]})({text})"
