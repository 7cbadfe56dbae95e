"""rspamd doing the comparable job: its configuration, made from mailtriage's own policies.

Every `words` signal of the shipped policies becomes a rule on the subject and one on the text, with
its phrases in all languages as alternatives of one pattern: of the ways tried (a rule per phrase,
per language, per signal) this costs rspamd least. A wildcard at the end of a phrase leaves the word
boundary away, which again is the cheapest way to say it. All other kinds of signals, accents that
were not typed, and the restriction of a phrase to mails in its language are left out: rspamd does
less here. A few lines of Lua add up the weights, take the language that rspamd detected, and set
and remove the headers.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

POLICIES: Final = Path(__file__).resolve().parents[2] / "policies"

HEADERS: Final = (
    "X-Mailtriage",
    *(
        f"X-Mailtriage-{name}"
        for name in (
            "Priority", "Score", "Language", "Skill", "Skills", "Tier", "Churn", "Mood", "Topic",
            "Kb", "Kind", "Thread", "Ack", "Ack-Rule", "Route", "Sender-Marked", "Why", "Seal",
            "Status",
        )
    ),
)  # fmt: skip
"""The headers that mailtriage puts on every mail, in its order."""


_PHRASES_PER_PATTERN: Final = 200
"""Keeps patterns well below hyperscan's limit of 16000 characters."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern, matched against the subject and against the text."""

    name: str
    signal: str
    """Id of the policy signal that it stands for, wholly or in part."""
    policy: str
    weight: float
    phrases: tuple[str, ...]


def rules(phrases: int | None = None, policies: Path = POLICIES) -> list[Rule]:
    """The rules for all policy files below a folder. Raises FileNotFoundError when it holds none.

    `phrases`: how many of a signal's phrases in each language are taken; None: all.
    """
    found = [
        rule
        for path in sorted(policies.rglob("*.toml"))
        for rule in _policy_rules(tomllib.loads(path.read_text(encoding="utf-8")), phrases)
    ]
    if not found:
        raise FileNotFoundError(f"no policies in {policies}")
    return found


def _policy_rules(policy: dict[str, Any], most: int | None) -> Iterator[Rule]:
    for signal in policy.get("signal", ()):
        listed = (phrase for words in signal.get("words", {}).values() for phrase in words[:most])
        phrases = list(dict.fromkeys(listed))
        for at in range(0, len(phrases), _PHRASES_PER_PATTERN):
            yield Rule(
                name=f"{signal['id']}_{at}".upper().replace("-", "_"),
                signal=signal["id"],
                policy=policy.get("skill") or policy["facet"],
                weight=signal.get("weight", 1.0),
                phrases=tuple(phrases[at : at + _PHRASES_PER_PATTERN]),
            )


def _pattern(phrase: str) -> str:
    """A phrase as a regular expression; blanks stand for any run of blanks."""
    text = phrase.strip("*")
    words = r"\s+".join(
        "".join(rf"\{c}" if c in r".^$*+?()[]{}|\/" else c for c in word) for word in text.split()
    )
    # A boundary has a meaning beside a letter or digit only, and rspamd's \b knows those of ASCII.
    before = r"\b" if not phrase.startswith("*") and re.match(r"\w", text, re.ASCII) else ""
    after = r"\b" if not phrase.endswith("*") and re.match(r"\w", text[-1], re.ASCII) else ""
    return before + words + after


def write_configuration(directory: Path, socket: Path, workers: int, chosen: list[Rule]) -> Path:
    """Writes what rspamd needs into `directory`; returns the file to start it with."""
    (directory / "cache").mkdir(exist_ok=True)
    lines = ["config['regexp'] = {}"]
    entries = []
    for rule in chosen:
        pattern = "|".join(_pattern(phrase) for phrase in rule.phrases)
        expressions = {"S": f"Subject=/{pattern}/iu{{header}}", "B": f"/{pattern}/iu{{sa_body}}"}
        for kind, expression in expressions.items():
            symbol = f"{kind}_{rule.name}"
            lines.append(
                f"config['regexp']['{symbol}'] = "
                f"{{ re = [==[{expression}]==], score = 0.01, one_shot = true }}"
            )
            entries.append(
                f"  ['{symbol}'] = {{ signal = '{rule.signal}', policy = '{rule.policy}', weight = {rule.weight} }},"
            )
    (directory / "rules.lua").write_text("\n".join(lines) + "\n", encoding="utf-8")
    configuration = _CONFIGURATION
    for key, value in {
        "DIRECTORY": str(directory),
        "SOCKET": str(socket),
        "WORKERS": str(workers),
        "RULES": "\n".join(entries),
        "HEADERS": ", ".join(f"'{name}'" for name in HEADERS),
    }.items():
        configuration = configuration.replace(f"@{key}@", value)
    path = directory / "rspamd.conf"
    path.write_text(configuration, encoding="utf-8")
    return path


_CONFIGURATION: Final = """
options {
  filters = "regexp";
  explicit_modules = ["settings"];
  dns { nameserver = ["127.0.0.1"]; timeout = 1s; retransmits = 1; sockets = 1; }
  local_addrs = [];
  task_timeout = 30s;
  check_all_filters = true;
  url_tld = "/usr/share/rspamd/effective_tld_names.dat";
  hs_cache_dir = "@DIRECTORY@/cache/";
  tempdir = "@DIRECTORY@/cache";
  cache_file = "@DIRECTORY@/cache/symbols";
  history_file = "@DIRECTORY@/cache/history";
  stats_file = "@DIRECTORY@/cache/stats";
  control_socket = "@DIRECTORY@/cache/control mode=0600";
  pidfile = "@DIRECTORY@/cache/pid";
  rrd = "";
}
lang_detection { }
logging { type = "console"; level = "notice"; color = false; }
worker "rspamd_proxy" {
  bind_socket = "@SOCKET@ mode=0666";
  milter = yes;
  timeout = 120s;
  count = @WORKERS@;
  upstream "local" { default = yes; self_scan = yes; }
}
worker "hs_helper" { count = 1; }
modules { path = "/usr/share/rspamd/plugins/milter_headers.lua"; }
lua = "@DIRECTORY@/rules.lua";
actions { reject = 100000; add_header = 90000; greylist = 80000; }
metric { name = "default"; unknown_weight = 0; actions { reject = 100000; add_header = 90000; greylist = 80000; } }
milter_headers {
  use = ["triage"];
  skip_local = false;
  skip_authenticated = false;
  remove_upstream_spam_flag = false;
  custom {
    triage = <<EOD
local rules = {
@RULES@
}
local names = { @HEADERS@ }

local function language(task)
  for _, part in ipairs(task:get_text_parts() or {}) do
    local found = part:get_language()
    if found and found ~= '' then return found end
  end
  return 'und'
end

return function(task)
  local hit, sums, why = {}, {}, {}
  for _, symbol in ipairs(task:get_symbols() or {}) do
    local rule = rules[symbol]
    if rule and not hit[rule.signal] then
      hit[rule.signal] = true
      sums[rule.policy] = (sums[rule.policy] or 0) + rule.weight
      why[#why + 1] = rule.signal
    end
  end
  local skill, best = 'general', 0
  for policy, sum in pairs(sums) do
    if sum > best then skill, best = policy, sum end
  end
  local lang = language(task)
  local score = math.min(100, math.floor(40 + best))
  local value = {
    ['X-Mailtriage'] = string.format('v=1; prio=normal; score=%03d; lang=%s; skill=%s; kind=human; ack=none;', score, lang, skill),
    ['X-Mailtriage-Score'] = string.format('%03d', score),
    ['X-Mailtriage-Language'] = lang,
    ['X-Mailtriage-Skill'] = skill,
    ['X-Mailtriage-Skills'] = skill .. ';',
    ['X-Mailtriage-Route'] = skill .. '-' .. lang,
    ['X-Mailtriage-Why'] = #why > 0 and table.concat(why, ', '):sub(1, 200) or 'none',
    ['X-Mailtriage-Status'] = 'ok',
  }
  local add, remove = {}, {}
  for _, name in ipairs(names) do
    add[name] = { value = value[name] or 'none', order = 0 }
    remove[name] = 0
  end
  return nil, add, remove, {}
end
EOD
  }
}
"""
