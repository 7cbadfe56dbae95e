"""Skills out of what people call their folders."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailtriage.labelled.names import modified_utf7, skill_name


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("billing", "billing"),
        ("Billing & Payments", "billing-payments"),
        ("  Réclamations  ", "reclamations"),
        ("Rücksendungen/Umtausch", "rucksendungen-umtausch"),
        ("Straße", "strasse"),
        ("Køb og salg", "kob-og-salg"),
        ("Zgłoszenia", "zgloszenia"),
        ("Refund_not_showing_up", "refund-not-showing-up"),
        ("-x-", "x"),
        ("2FA", "2fa"),
        ("a" * 39 + " b", "a" * 39),
        ("Счета", ""),
        ("…", ""),
    ],
)
def test_a_label_becomes_a_name(label: str, name: str) -> None:
    assert skill_name(label) == name


@given(st.text())
def test_every_name_fits_and_stays(label: str) -> None:
    name = skill_name(label)
    assert not name or re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", name)
    assert skill_name(name) == name


@pytest.mark.parametrize(
    ("stored", "seen"),
    [
        ("R&APw-cksendungen", "Rücksendungen"),
        ("Billing &- Payments", "Billing & Payments"),
        ("&U,BTFw-", "台北"),
        ("plain", "plain"),
        ("not & closed", "not & closed"),
        ("&!!-", "&!!-"),
    ],
)
def test_folder_names_of_imap(stored: str, seen: str) -> None:
    assert modified_utf7(stored) == seen


@given(st.text())
def test_any_folder_name_gives_some_text(stored: str) -> None:
    assert isinstance(modified_utf7(stored), str)
