"""The page of its own, as text: what a browser shows of it is tested with one."""

from __future__ import annotations

import base64
import hashlib
import json
import re

from kibitz_agent.exporters import html
from kibitz_agent.profile import Frame, Header, ProfileBuilder


def page(name: str = "app:main", group: str = "shop") -> str:
    builder = ProfileBuilder()
    builder.add_stack([Frame(name, "/srv/app.py", 3)], (1, 10, 5))
    return html.encode(builder.build(Header(group=group))).decode()


def data_of(text: str) -> dict[str, list[str]]:
    found = re.search(r'id="payload">(.*?)</script>', text, re.DOTALL)
    assert found
    loaded: dict[str, list[str]] = json.loads(found[1])
    return loaded


def test_no_name_can_leave_the_data() -> None:
    hostile = "</script><script>alert(1)</script><!-- & \u2028 \udc80"
    text = page(hostile, group="</title><img src=x onerror=alert(1)>")
    assert text.count("</script>") == 2
    assert "<img" not in text
    assert "<!--" not in text
    assert hostile in data_of(text)["names"]


def test_the_policy_allows_exactly_this_script_and_this_style() -> None:
    text = page()
    for tag, opening in (("script", '<script type="module">'), ("style", "<style>")):
        content = text.split(opening, 1)[1].split(f"</{tag}>", 1)[0]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in text
    assert "default-src 'none'" in text


# The name of a vocabulary, which nobody asks for.
NAMESPACE = "http://www.w3.org/2000/svg"


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    assert not re.search(
        r"""(src|href)=|url\(|https?://|\bimport\b.*from|@import""", page().replace(NAMESPACE, "")
    )
