"""What every page has in common: parts of a folder put into one file, and the colors of drawings.

A page is one file without any reference to another, and a policy inside it forbids the browser to
run or fetch anything else.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import zlib
from collections.abc import Iterable
from importlib import resources
from typing import Any, Final

from viz._style import markup
from viz._style.themes import DARK, LIGHT, Theme

__all__ = [
    "color_variables",
    "digest",
    "harmless",
    "lean_part",
    "lean_parts",
    "packed",
    "part",
    "whole_page",
]

PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="{{scheme}}">
<meta http-equiv="Content-Security-Policy" content="{{policy}}">
<title>{{title}}</title>
<style>{{style}}</style>
</head>
{{body}}</html>
"""

HARMLESS: Final = str.maketrans("<{", ":,")
"""Letters of base 85 that mean something in the page, and those that stand for them."""


def part(room: str, name: str) -> str:
    """A part of a page, as it stands in the folder ``page`` of a room such as "viz._replay".

    >>> part("viz._replay", "page.html").splitlines()[0]
    '<body>'
    """
    return (resources.files(room) / "page" / name).read_text(encoding="utf-8")


def lean_part(room: str, name: str) -> str:
    """A part without what only its readers need: indents, and lines that are comments.

    >>> "/**" in lean_part("viz._replay", "unpack.js")
    False
    """
    text = re.sub(r"(?ms)^ */\*\*.*?\*/\n", "", part(room, name))
    return re.sub(r"(?m)^(?: *//.*\n| +)", "", text)


def lean_parts(room: str, names: Iterable[str]) -> str:
    """Several parts, in the order in which they are named.

    >>> lean_parts("viz._replay", ["unpack.js", "text.js"]).splitlines()[0]
    '"use strict";'
    """
    return "\n".join(lean_part(room, name) for name in names)


def digest(text: str) -> str:
    """What a policy calls a script or a style: the SHA-256 of its text.

    >>> digest("")
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
    """
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _filled(template: str, parts: dict[str, str]) -> str:
    """The template with its parts put in, in one go: what looks like a place in a part stays."""
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], template)


def whole_page(
    body: str, parts: dict[str, str], *, title: str, style: str, allowed: str, scheme: str
) -> str:
    r"""A page: its head, and the body with its parts put in.

    Args:
        body: from ``<body>`` to ``</body>``, with places for parts such as ``{{title}}``.
        parts: what is put there, beside the title; it is markup already. What looks like a place
            in it stays.
        title: what the page is called, plain text.
        style: the style sheet.
        allowed: what the policy of the page allows, such as ``style-src`` with a digest.
        scheme: whether the page can be "light", "dark" or both.

    >>> page = whole_page("<body>{{title}} {{a}}</body>\n", {"a": "{{a}}"}, title="x < y",
    ...     style="", allowed="img-src data:", scheme="light")
    >>> page.count("x &lt; y"), page.count("{{a}}"), "'none'; img-src data:; base-uri" in page
    (2, 1, True)
    """
    shown = html.escape(markup.visible(title))
    head = {
        "policy": f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'",
        "title": shown,
        "style": style,
        "scheme": scheme,
        "body": _filled(body, {"title": shown, **parts}),
    }
    return _filled(PAGE, head)


def packed(known: dict[str, Any]) -> str:
    """Plain data as JSON, packed, in letters that are no markup; unpack.js reads them.

    A page has a third of the letters, and no name in it is taken for markup.

    >>> "<" in packed({"name": "</script>"})
    False
    """
    text = json.dumps(known, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    packing = zlib.compressobj(level=9, wbits=-zlib.MAX_WBITS)
    return harmless(packing.compress(text.encode()) + packing.flush())


def harmless(content: bytes) -> str:
    """Bytes as letters of base 85 in which nothing is taken for markup; unpack.js reads them.

    >>> harmless(bytes([0, 1, 2, 3, 255]))
    '009C6,,'
    """
    return base64.b85encode(content).decode().translate(HARMLESS)


def color_variables() -> str:
    """The colors of the drawings as variables of CSS.

    >>> color_variables().partition(":root {--page:")[0]
    ''
    """
    light, dark = _colors(LIGHT), _colors(DARK)
    return f":root {{{light}}}\n@media screen {{ :root[data-theme=dark] {{{dark}}} }}\n"


def _colors(theme: Theme) -> str:
    colors = {
        "page": theme.frame,
        "card": theme.background,
        "rim": theme.outline,
        "text": theme.text,
        "muted": theme.muted,
        "line": theme.line,
        "gradient": theme.gradient,
        "gradient-soft": theme.ramp[0].fill,
        "positive": theme.positive,
        "negative": theme.negative,
        "accent": theme.accent,
        "forward": theme.roles["parameter"].ink,
        "partial": theme.roles["input"].ink,
    }
    for role, paint in theme.roles.items():
        colors |= {role: paint.fill, f"{role}-rim": paint.border}
    return "".join(f"--{name}:{color};" for name, color in colors.items())
