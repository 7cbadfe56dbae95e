"""Customer lists in CSV and TOML files."""

from pathlib import Path

import pytest

from mailtriage.state.customers import CustomerFileError, read_customers
from mailtriage.triage.customer import lookup_keys
from mailtriage.triage.model import Tier


def tier_of(files: list[Path], address: str) -> Tier:
    return read_customers(files).tier(lookup_keys(address))[0]


CSV = """\
\ufeffcustomer,tier
# our oldest customers
anna@shop.example,vip

 Big.Example , GOLD ,a remark
"quoted@shop.example","standard"
@small.example,standard
"""

TOML = """\
"anna@shop.example" = "vip"
"big.example" = "Gold"
small.example = "standard"   # without quotes
quoted."shop.example" = "vip"
"""


@pytest.mark.parametrize(("name", "text"), [("customers.csv", CSV), ("customers.toml", TOML)])
@pytest.mark.parametrize(
    ("address", "tier"),
    [
        ("anna@shop.example", Tier.VIP),
        ("Anna+orders@shop.example", Tier.VIP),
        ("bert@shop.example", Tier.UNKNOWN),
        ("bert@big.example", Tier.GOLD),
        ("bert@mail.big.example", Tier.GOLD),
        ("bert@small.example", Tier.STANDARD),
        ("bert@example", Tier.UNKNOWN),
    ],
)
def test_addresses_and_domains(
    tmp_path: Path, name: str, text: str, address: str, tier: Tier
) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    assert tier_of([file], address) is tier


def test_a_later_file_overrides_an_earlier_one(tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.toml"
    first.write_text("big.example,gold\nsmall.example,gold\n")
    second.write_text('"big.example" = "vip"\n')
    assert tier_of([first, second], "a@big.example") is Tier.VIP
    assert tier_of([first, second], "a@small.example") is Tier.GOLD


def test_no_files_know_nobody() -> None:
    assert tier_of([], "anna@shop.example") is Tier.UNKNOWN


@pytest.mark.parametrize(
    ("name", "text", "problems"),
    [
        ("a.csv", "anna@shop.example,vpi\n", ["1: 'vpi' is no tier — did you mean 'vip'?"]),
        (
            "a.csv",
            "customer,tier\nanna@shop.example,1\n",
            ["2: '1' is no tier — one of vip, gold, standard"],
        ),
        ("a.csv", "anna@shop.example,unknown\n", ["1: 'unknown' is no tier — one of vip, gold, standard"]),
        ("a.csv", "anna,vip\n", ["1: 'anna' is neither an address nor a domain"]),
        ("a.csv", "Anna <a@b.example>,vip\n",
         ["1: 'Anna <a@b.example>' is neither an address nor a domain"]),
        ("a.csv", "a@b@c.example,vip\n", ["1: 'a@b@c.example' is neither an address nor a domain"]),
        ("a.csv", "*.big.example,vip\n",
         ["1: '*.big.example' is neither an address nor a domain — a domain covers its sub-domains"]),
        ("a.csv", "\nanna@shop.example\n", ["2: expected address-or-domain,tier"]),
        ("a.csv", "anna@shop.example;vip\n",
         ["1: expected address-or-domain,tier — the two are separated by a comma"]),
        ("a.csv", "a,vip\nb.example,vip\nc.example,x\n",
         ["1: 'a' is neither an address nor a domain",
          "3: 'x' is no tier — one of vip, gold, standard"]),
        ("a.toml", '"big.example" = 1\n', ["1: '1' is no tier — one of vip, gold, standard"]),
        ("a.toml", '[vip]\nlist = ["big.example"]\n',
         ["2: '['big.example']' is no tier — one of vip, gold, standard"]),
        ("a.toml", "big.example = vip\n", ["1: not TOML: invalid value"]),
    ],
)  # fmt: skip
def test_every_mistake_is_named_with_its_line(
    tmp_path: Path, name: str, text: str, problems: list[str]
) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CustomerFileError) as error:
        read_customers([file])
    assert str(error.value).splitlines() == [f"{file}:{problem}" for problem in problems]


def test_the_mistakes_of_all_files_come_at_once(tmp_path: Path) -> None:
    latin = tmp_path / "latin.csv"
    latin.write_bytes("müller@shop.example,vip\n".encode("latin-1"))
    with pytest.raises(CustomerFileError) as error:
        read_customers([tmp_path / "gone.csv", tmp_path / "gone.toml", latin])
    found = [str(problem) for problem in error.value.problems]
    assert found[0] == f"{tmp_path}/gone.csv:1: cannot be read: no such file or directory"
    assert found[1] == f"{tmp_path}/gone.toml:1: cannot be read: no such file or directory"
    assert found[2].startswith(f"{tmp_path}/latin.csv:1: not a CSV file in UTF-8: ")
    assert len(found) == 3
