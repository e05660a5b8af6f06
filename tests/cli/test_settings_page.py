"""docs/settings.md names every setting, with its default, and none that is not there."""

import re
from pathlib import Path

from governance.settings import Settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
ROW = re.compile(r"\| `(GOVERNANCE_\w+__\w+)` \| (.*) \| (?:`(.*)`)? ?\|")


def test_the_page_says_what_the_settings_say() -> None:
    written = {m[1]: (m[2], m[3] or "") for m in ROW.finditer(PAGE.read_text(encoding="utf-8"))}
    real = {
        f"GOVERNANCE_{section}__{name}".upper(): (field.description, shown(field.default))
        for section, of in Settings.model_fields.items()
        for name, field in of.annotation.model_fields.items()  # type: ignore[union-attr]
    }
    assert written == real


def shown(default: object) -> str:
    return "" if default is None else str(default).lower() if isinstance(default, bool) else str(default)
