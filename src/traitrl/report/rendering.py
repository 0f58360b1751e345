"""Renders every page of the project: one file, everything inline, opens offline, all text escaped."""

from functools import partial
from pathlib import Path
from typing import Any

_FORMS = {"signed": "+.3f", "number": ".3f", "budget": ".3g"}


def write_html(template: str, path: Path, **values: Any) -> Path:
    """Renders a template of `report/templates` and writes it in one step.

    Args:
        template: File name of the template.
        path: Where the page goes; its folder is made.
        values: What the template reads.

    Returns:
        `path`.
    """
    from jinja2 import Environment, PackageLoader, select_autoescape

    templates = Environment(loader=PackageLoader("traitrl.report", "templates"), autoescape=select_autoescape(["html"]))
    for name, form in _FORMS.items():
        templates.filters[name] = partial(_written, form=form)
    page = templates.get_template(template).render(**values)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".partial")
    unfinished.write_text(page, encoding="utf-8")
    unfinished.replace(path)
    return path


def _written(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
