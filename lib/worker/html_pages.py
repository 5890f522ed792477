"""HTML pages in one file, which neither load nor send anything."""

import base64
import hashlib
import json
from html import escape
from typing import Any

from lib.common.errors import printable

# Escapes of JSON that no HTML parser takes for the end of a script or the beginning of a comment.
JSON_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def html_page(title: str, style: str, script: str, body: str, data: Any = None) -> str:
    """Return a page whose policy allows this style, this script and pictures in it, and no connection.

    Args:
        title: of the window, plain text.
        style: CSS.
        script: JavaScript, which runs after the body; it reads `data` from the element `data`.
        body: HTML.
        data: anything that JSON has; None for nothing.
    """
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{_digest(style)}'; "
        f"script-src 'sha256-{_digest(script)}'; base-uri 'none'; form-action 'none'"
    )
    content = "" if data is None else f'<script type="application/json" id="data">{_to_json(data)}</script>\n'
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html_text(title)}</title>
<style>{style}</style>
</head>
<body>
{body}
{content}<script>{script}</script>
</body>
</html>
"""


def html_text(text: str) -> str:
    """Return text, which may be hostile, for HTML or an attribute in quotation marks."""
    return escape(printable(text))


def data_uri(media_type: str, content: bytes) -> str:
    """Return the address that holds a file itself."""
    return f"data:{media_type};base64,{base64_text(content)}"


def base64_text(content: bytes) -> str:
    """Return bytes as base64."""
    return base64.b64encode(content).decode()


def _to_json(data: Any) -> str:
    """JSON, whose texts may be hostile, for a script element; NaN, which JSON lacks, is an error."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(JSON_ESCAPES)


def _digest(text: str) -> str:
    return base64_text(hashlib.sha256(text.encode()).digest())
