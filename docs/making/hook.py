"""What MkDocs calls while it builds the site: it fetches, writes and tidies.

- Texts that stand elsewhere become pages (`readmes`).
- A line `<!-- made: NAME -->` of a page becomes what code knows (`MAKERS`).
- Scripts within pages become files: the gateway's Content-Security-Policy lets no other run.
- What nobody's browser asks for is thrown away.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.utils import get_relative_url

from docs.making import endings, http_api, keys, messages, metrics, readmes, sdk

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

MAKERS: dict[str, Callable[[], str]] = {
    "keys": keys.all_sections,
    "messages of a client": messages.from_client,
    "messages of the gateway": messages.from_server,
    "limits of a WebSocket": messages.limits,
    "codes of a closed WebSocket": messages.close_codes,
    "HTTP requests": http_api.requests,
    "HTTP refusals": http_api.refusals,
    "endings": endings.endings,
    "metrics": metrics.series,
    "the SDK": sdk.reference,
}

TREE = Path(__file__).parents[2]
FAVICON = TREE / "gateway" / "web" / "demo" / "favicon.svg"
WHERE = "/docs/"  # the gateway serves it there; only the page for what is not found has to know

_MADE = re.compile(r"^<!-- made: (.+?) -->$", re.MULTILINE)
_SCRIPT = re.compile(r"<script>(.+?)</script>", re.DOTALL)
_NOT_ASKED_FOR = ("assets/javascripts/lunr", "sitemap.xml", "sitemap.xml.gz")

_scripts: dict[str, str] = {}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages whose texts stand elsewhere."""
    for page in readmes.PAGES:
        files.append(File.generated(config, page, content=readmes.read(page)))
    files.append(File.generated(config, "pictures/favicon.svg", abs_src_path=str(FAVICON)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Mend the links, then put in what is made."""
    del config, files
    source = readmes.source_of(page.file.src_uri)
    return _MADE.sub(_made, readmes.on_the_site(markdown, source))


def _made(marker: re.Match[str]) -> str:
    if marker[1] not in MAKERS:
        raise PluginError(f"nothing makes {marker[1]!r}")
    return MAKERS[marker[1]]()


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Move the scripts of a page into files."""
    del config
    return _SCRIPT.sub(lambda script: _file_of(script[1], page.url), output)


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """Do so for the page for what is not found, which may be shown in any folder."""
    del config
    if template_name != "404.html":
        return output_content
    rooted = re.sub(r'="/(?!/)', f'="{WHERE}', output_content)
    rooted = rooted.replace('new URL("/"', f'new URL("{WHERE}"').replace(
        '"base": "/"', f'"base": "{WHERE}"'
    )
    return _SCRIPT.sub(lambda script: _file_of(script[1], None), rooted)


def _file_of(script: str, page: str | None) -> str:
    name = f"assets/javascripts/page.{hashlib.sha256(script.encode()).hexdigest()[:12]}.js"
    _scripts[name] = script
    place = f"{WHERE}{name}" if page is None else get_relative_url(name, page)
    return f'<script src="{place}"></script>'


def on_post_build(config: MkDocsConfig) -> None:
    """Write these files, and throw away what is for other languages and for search engines."""
    site = Path(config.site_dir)
    for name, script in _scripts.items():
        (site / name).write_text(script, encoding="utf-8")
    for name in _NOT_ASKED_FOR:
        path = site / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for path in site.rglob("*.map"):
        path.unlink()
