"""Every generated file, by its place in the checkout."""

import json
from pathlib import Path
from typing import Any, Final

from mailtriage.cli import cli
from mailtriage.reference.command_page import command_page
from mailtriage.reference.config_schema import config_schema
from mailtriage.reference.policy_page import policy_page
from mailtriage.reference.policy_schema import policy_schema
from mailtriage.reference.profile_schema import profile_schema
from mailtriage.reference.recorder import record
from mailtriage.reference.settings import read_reference
from mailtriage.reference.settings_page import settings_page

CHECKOUT: Final = Path(__file__).resolve().parents[3]
REFERENCE: Final = "config/mailtriage.toml"
POLICIES: Final = "docs/policies.md"


def build() -> dict[str, str]:
    """Path in the checkout → content, of every file that is generated."""
    text = (CHECKOUT / REFERENCE).read_text(encoding="utf-8")
    reference = read_reference(text)
    settings = record(reference.uncommented)
    policies = (CHECKOUT / POLICIES).read_text(encoding="utf-8")
    return {
        "man/mailtriage.8": command_page(cli),
        "man/mailtriage.toml.5": settings_page(reference, settings),
        "man/mailtriage-policy.5": policy_page(policies),
        "config/schema/mailtriage.schema.json": _json(config_schema(reference, settings)),
        "config/schema/policy.schema.json": _json(policy_schema()),
        "config/schema/profile.schema.json": _json(profile_schema()),
    }


def _json(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
