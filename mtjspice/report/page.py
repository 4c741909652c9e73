"""What all pages share: the templates, and pictures inside the page."""

import base64
from typing import Any

import jinja2
from markupsafe import Markup


def render(template: str, **content: Any) -> str:
    """A page from a template of this folder; a name that it misses is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mtjspice.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**content)


def inline(svg: str) -> Markup:
    """An SVG as the source of an image, so that the page needs no other file."""
    return Markup("data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode())
