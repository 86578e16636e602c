"""A page of its own: the flame graph with renderer, style and data inside, which opens from a disk without network."""

from __future__ import annotations

import base64
import hashlib
import html
import json

from kibitz_agent.flamegraph import asset, inline_script, pack, payload
from kibitz_agent.profile import Profile

MAX_NODES = 32_768

_START = """
const data = JSON.parse(document.getElementById("payload").textContent);
globalThis.flameGraph = new FlameGraph(document.getElementById("graph"), data, { value: "wall" });
"""
_STYLE = "html, body, #graph { height: 100%; margin: 0; }\n"

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src '{script_hash}'; style-src '{style_hash}'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main id="graph"><noscript>This flame graph is drawn by a script inside this page: allow scripts to see it.</noscript></main>
<script type="application/json" id="payload">{data}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def encode(profile: Profile) -> bytes:
    """The page as UTF-8. Its policy allows exactly its own script and style, so no name in it can run or load anything."""
    data = pack(payload(profile, max_nodes=MAX_NODES))
    script = inline_script() + _START
    style = _STYLE + asset("flamegraph.css")
    page = _PAGE.format(
        title=html.escape(_printable(f"{data['title']} · flame graph")),
        script=script,
        script_hash=_hash(script),
        style=style,
        style_hash=_hash(style),
        data=_safe_json(data),
    )
    return page.encode("utf-8")


def _safe_json(data: object) -> str:
    # ASCII alone: no lone surrogate, no U+2028; and no "<", so that neither </script> nor <!-- can occur.
    return (
        json.dumps(data, separators=(",", ":"))
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026")
    )


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
