"""Every mistake in a policy file, with its line, what is wrong and how to mend it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mailtriage.policies.load import PolicyError, load_policies

Problems = Callable[[str], list[str]]
Write = Callable[[str, str], Path]

HEAD = 'format = 1\nskill = "billing"\n'
SIGNAL = '[[signal]]\nid = "it"\nweight = 1\n'
WORDS = 'words.en = ["invoice*"]\n'
TEST = '[[test]]\nname = "t"\nexpect = { skill = "billing" }\n'
FINE = HEAD + SIGNAL + WORDS + TEST

EXACTLY_ONE = (
    "a signal has exactly one of words, near, regex, header, recipient, sender, attachment; found"
)


def test_a_sound_file_has_no_problems(problems: Problems) -> None:
    assert problems(FINE) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("format = 2" + FINE[10:], "1: format: unknown format — this version reads format 1"),
        (FINE + "[[signals]]\n", "10: signals: unknown key — did you mean 'signal'?"),
        ("format = \n", "1: not TOML: invalid value"),
        (SIGNAL + WORDS, "1: a policy file has either 'skill' or 'facet'"),
        ('facet = "mood"\n' + FINE, "1: a policy file has either 'skill' or 'facet'"),
        (
            FINE.replace('"billing"', '"general"', 1),
            "2: skill: 'general' is the skill of mails that no policy claims",
        ),
        (
            FINE.replace('"billing"', '"Bill ing"', 1).replace('"billing"', '"general"'),
            '2: skill: "Bill ing" does not fit [a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?',
        ),
        (
            HEAD + TEST,
            "1: 'billing' has no [[signal]] — a policy without signals never applies",
        ),
        (
            HEAD + SIGNAL + WORDS,
            "1: warning: no tests — a [[test]] shows that the policy does what it is meant to do",
        ),
        (HEAD + "threshold = 0\n" + SIGNAL + WORDS + TEST,
         "3: threshold: 0 is out of range — expected 0.1 to 100.0"),
        (HEAD + 'margin = "1"\n' + SIGNAL + WORDS + TEST,
         '3: margin: expected a number, found the string "1" — write 1, without the quotes'),
        (HEAD + "base = 40\n" + SIGNAL + WORDS + TEST, "3: base: unknown key"),
        (HEAD + "[signal]\nid = 1\n",
         "3: signal: expected an array of tables, found a table — write [[signal]]"),
    ],
)  # fmt: skip
def test_mistakes_at_the_top(problems: Problems, text: str, problem: str) -> None:
    assert f"policy.toml:{problem}" in problems(text)


@pytest.mark.parametrize(
    ("signal", "problem"),
    [
        ("", f"3: signal[0]: {EXACTLY_ONE} none"),
        ('words.en = ["abc"]\nregex = "x"\nguard = []\n',
         f"3: signal[0]: {EXACTLY_ONE} words and regex"),
        (WORDS + "weigth = 2\n", "7: signal[0].weigth: unknown key — did you mean 'weight'?"),
        (WORDS + "max_hits = 0\n", "7: signal[0].max_hits: 0 is out of range — expected 1 to 20"),
        (WORDS + 'where = ["header"]\n',
         '7: signal[0].where[0]: "header" is not one of subject, body, attachment'),
        (WORDS + "where = []\n", "7: signal[0].where: empty list"),
        (WORDS + 'topic = "In Voice"\n',
         '7: signal[0].topic: "In Voice" does not fit [a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?'),
        (WORDS + "floor = 80\n", "7: signal[0].floor: unknown key"),
        (WORDS + 'kind = "list"\n', "7: signal[0].kind: unknown key — did you mean 'id'?"),
        (WORDS + "within = 3\n", "7: signal[0].within: only a 'near' signal has 'within'"),
        (WORDS + 'guard = ["x1"]\n', "7: signal[0].guard: only a 'regex' signal has 'guard'"),
        ("words = {}\n",
         '6: signal[0].words: no language — write words.en = ["invoice*"]'),
        ("words.en = []\n", "6: signal[0].words.en: empty list"),
        ('words.en = "invoice"\n',
         ("6: signal[0].words.en: expected an array of strings, found the string \"invoice\" "
         '— write ["invoice"]')),
        ('words.en = ["invoice", 5]\n',
         "6: signal[0].words.en[1]: expected a string, found the number 5"),
        ('words.English = ["invoice"]\n',
         ("6: signal[0].words.English: 'English' is no language code — "
         "a code such as 'en' or 'pt', without a region, or 'any'")),
        ('words.pt-br = ["fatura"]\n',
         ("6: signal[0].words.pt-br: 'pt-br' is no language code — "
         "a code such as 'en' or 'pt', without a region, or 'any'")),
        ('words.no = ["faktura"]\n',
         "6: signal[0].words.no: Norwegian is written 'nb', Nynorsk too"),
        ('words.en = ["in*voice"]\n',
         "6: signal[0].words.en[0]: 'in*voice': a * stands at the start or the end of a word"),
        ('words.en = ["invoice",\n  "Invoice"]\n',
         "7: signal[0].words.en[1]: warning: 'Invoice' stands here twice"),
        ("near = {}\n",
         '6: signal[0].near: no language — write near.en = { a = ["wrong"], b = ["amount*"] }'),
        ('near.en = { a = ["wrong"] }\n', "6: signal[0].near.en.b: required, but missing"),
        ('near.en = { a = [], b = ["sum"] }\n', "6: signal[0].near.en.a: empty list"),
        ('near.en = { a = ["wrong"], b = ["sum"], c = ["x"] }\n',
         "6: signal[0].near.en.c: unknown key"),
        ('near.en = { a = ["wrong"], b = ["s*"] }\n',
         "6: signal[0].near.en.b[0]: 's*': a * needs letters beside it, two at least"),
        ("regex = '('\nguard = []\n",
         "6: signal[0].regex: not a pattern: missing ) at position 1"),
        ("regex = 'a*'\nguard = []\n",
         "6: signal[0].regex: matches the empty text, and so every mail"),
        ("regex = '$|x'\nguard = []\n",
         "6: signal[0].regex: matches the empty text, and so every mail"),
        ("regex = 'a'\n",
         ("6: signal[0].regex: warning: has no guard — name what stands in every mail that it "
         'matches: guard = ["iban"] or ["!!"]; guard = [] says that it is meant to be tried on '
         "every mail")),
        ("regex = 'a'\nguard = [\"x\"]\n",
         "7: signal[0].guard[0]: 'x': too short: it would hit nearly every mail"),
        ('header = { name = "X Form" }\n',
         '6: signal[0].header.name: "X Form" does not fit [!-9;-~]{1,76}'),
        ('header = { name = "X-Form", present = false, contains = ["a"] }\n',
         ("6: signal[0].header.present: a field that is absent contains nothing — "
         "drop one of the two")),
        ('header = { name = "X-Form", contains = [] }\n',
         "6: signal[0].header.contains: empty list"),
        ("header = { present = true }\n", "6: signal[0].header.name: required, but missing"),
        ("recipient = []\n", "6: signal[0].recipient: empty list"),
        ("sender = []\n", "6: signal[0].sender: empty list"),
        ("attachment = {}\n", "6: signal[0].attachment: needs a 'type' or a 'name'"),
        ('attachment = { names = ["*.pdf"] }\n',
         "6: signal[0].attachment.names: unknown key — did you mean 'name'?"),
    ],
)  # fmt: skip
def test_mistakes_in_a_signal(problems: Problems, signal: str, problem: str) -> None:
    assert f"policy.toml:{problem}" in problems(HEAD + SIGNAL + signal + TEST)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('id = "it"', "", "3: signal[0].id: required, but missing"),
        ("weight = 1", "", "3: signal[0].weight: required, but missing"),
        ("weight = 1", "weight = 0", "5: signal[0].weight: a weight of 0 says nothing"),
        ("weight = 1", "weight = nan", "5: signal[0].weight: expected a finite number, found nan"),
        (
            "weight = 1",
            "weight = 101",
            "5: signal[0].weight: 101 is out of range — expected -100.0 to 100.0",
        ),
        (
            "weight = 1",
            'weight = "1"',
            (
                '5: signal[0].weight: expected a number, found the string "1" — '
                "write 1, without the quotes"
            ),
        ),
    ],
)
def test_id_and_weight(problems: Problems, old: str, new: str, problem: str) -> None:
    assert f"policy.toml:{problem}" in problems(FINE.replace(old, new, 1))


FACET_TEST = '[[test]]\nname = "t"\nexpect = { kind = "human" }\n'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('facet = "moods"\n',
         ('1: facet: "moods" is not one of priority, mood, churn, kind, thread — '
         "did you mean 'mood'?")),
        ('facet = "mood"\n[levels]\npositive = 1\n', "2: levels.negative: required, but missing"),
        ('facet = "mood"\n[levels]\npositive = -1\nnegative = 1\n',
         "3: levels.positive: must be above 'negative'"),
        ('facet = "priority"\n[levels]\nurgent = 60\nhigh = 60\nnormal = 20\n',
         "3: levels.urgent: must be above 'high'"),
        ('facet = "churn"\n[levels]\nhigh = 3\nmedium = 1\nlow = 0\n',
         "5: levels.low: unknown key"),
        ('facet = "churn"\nthreshold = 3\n[levels]\nhigh = 3\nmedium = 1\n',
         "2: threshold: unknown key"),
        ('facet = "churn"\n[levels]\nhigh = 3\nmedium = 1\n[adjust]\ntier-vip = 1\n',
         "5: adjust: unknown key"),
        ('facet = "priority"\n[adjust]\ntier-vipp = 1\n[levels]\nurgent = 9\nhigh = 6\nnormal = 2\n',
         "3: adjust.tier-vipp: unknown key — did you mean 'tier-vip'?"),
        ('facet = "priority"\nbase = 101\n',
         "2: base: 101 is out of range — expected 0.0 to 100.0"),
        ('facet = "churn"\n[[signal]]\nid = "a"\nweight = 1\nwords.en = ["bye"]\ntopic = "t"\n',
         "6: signal[0].topic: unknown key"),
        ('facet = "kind"\n[[signal]]\nid = "a"\nweight = 1\nwords.en = ["bye"]\n',
         "2: signal[0].kind: required, but missing"),
        ('facet = "kind"\n[[signal]]\nid = "a"\nweight = 1\nwords.en = ["bye"]\nkind = "human"\n',
         '6: signal[0].kind: "human" is not one of machine, bounce, list'),
        ('facet = "priority"\n[[signal]]\nid = "a"\nweight = 1\nfloor = 101\n',
         "5: signal[0].floor: 101 is out of range — expected 0 to 100"),
    ],
)  # fmt: skip
def test_mistakes_in_a_facet(problems: Problems, text: str, problem: str) -> None:
    assert f"policy.toml:{problem}" in problems(text)


@pytest.mark.parametrize(
    ("test", "problem"),
    [
        ("", "10: test[1].name: required, but missing"),
        ("", '10: test[1]: expects nothing — write expect = { skill = "billing" }'),
        ('name = "u"\nexpect = {}\n',
         '12: test[1].expect: expects nothing — write expect = { skill = "billing" }'),
        ('name = "u"\nexpect = { skil = "billing" }\n',
         "12: test[1].expect.skil: unknown key — did you mean 'skill'?"),
        ('name = "u"\nexpect = { priority = "urgnt" }\n',
         ('12: test[1].expect.priority: "urgnt" is not one of urgent, high, normal, low — '
         "did you mean 'urgent'?")),
        ('name = "u"\nexpect = { skill = "biling" }\n',
         ("10: expect.skill: test 'u' expects 'biling', which does not exist — "
         "did you mean 'billing'?")),
        ('name = "u"\nexpect = { not_skill = "sales" }\n',
         "10: expect.not_skill: test 'u' expects 'sales', which does not exist"),
        ('name = "u"\nexpect = { signals = ["it", "itt"] }\n',
         "10: expect.signals: test 'u' expects 'itt', which does not exist — did you mean 'it'?"),
        ('name = "u"\nexpect = { topic = "invoice" }\n',
         "10: expect.topic: test 'u' expects 'invoice', which does not exist"),
        ('name = "u"\nlanguage = "EN"\nexpect = { skill = "billing" }\n',
         '12: test[1].language: "EN" does not fit [a-z]{2,3}'),
        ('name = "u"\ntext = "x"\nexpect = { skill = "billing" }\n',
         "12: test[1].text: unknown key — did you mean 'expect'?"),
        ('name = "u"\nheaders = { X-Foo = 1 }\nexpect = { skill = "billing" }\n',
         "12: test[1].headers.X-Foo: expected a string, found the number 1"),
    ],
)  # fmt: skip
def test_mistakes_in_a_test(problems: Problems, test: str, problem: str) -> None:
    found = problems(FINE + "[[test]]\n" + test)
    assert f"policy.toml:{problem}" in found


def test_an_id_that_is_used_twice(problems: Problems) -> None:
    assert problems(HEAD + SIGNAL + WORDS + SIGNAL + 'words.en = ["bill"]\n' + TEST) == [
        (
            "policy.toml:8: signal[1].id: 'it' is used already, in policy.toml — "
            "ids are unique over all files"
        )
    ]


def test_a_skill_that_two_files_of_one_directory_claim(write: Write, tmp_path: Path) -> None:
    write("a.toml", FINE)
    write("sub/b.toml", FINE)
    with pytest.raises(PolicyError) as error:
        load_policies([tmp_path])
    assert str(error.value) == (
        f"{tmp_path}/sub/b.toml:2: skill: 'billing' has a policy already, in {tmp_path}/a.toml"
    )


def test_all_mistakes_of_all_files_come_at_once_in_the_order_of_files_and_lines(
    write: Write, tmp_path: Path
) -> None:
    write("a.toml", FINE.replace("weight = 1", "weight = 0") + "colour = 1\n")
    write("b.toml", "format = \n")
    write("c.toml", HEAD.replace("billing", "sales") + SIGNAL + "words.no = ['a']\n")
    with pytest.raises(PolicyError) as error:
        load_policies([tmp_path])
    where = [str(problem).split(": ")[0] for problem in error.value.problems]
    assert where == [
        f"{tmp_path}/{place}"
        for place in ("a.toml:5", "a.toml:10", "b.toml:1", "c.toml:1", "c.toml:4",
                      "c.toml:6", "c.toml:6")
    ]  # fmt: skip


def test_warnings_alone_do_not_stop_the_load(write: Write, tmp_path: Path) -> None:
    write("a.toml", HEAD + SIGNAL + WORDS)
    policies, warnings = load_policies([tmp_path])
    assert [policy.name for policy in policies.skills] == ["billing"]
    assert [problem.warning for problem in warnings] == [True]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "gone.toml").symlink_to("nowhere")
    with pytest.raises(PolicyError, match=r"gone.toml:1: cannot be read: no such file"):
        load_policies([tmp_path])
