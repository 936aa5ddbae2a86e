"""attestream mappings test"""

from __future__ import annotations

from attestream.console import emit_lines, say, write
from attestream.errors import Exit
from attestream.options import AsJson, Config
from attestream.settings import load
from attestream.wiring import Parts
from pipeline.rules.ruleset import RuleSet
from pipeline.rules.trials import run_tests


def mappings_test(config: Config = None, as_json: AsJson = False) -> int:
    """Run the test events that mappings and sets carry. Exit 1 when one says other than it should.

    Example: attestream mappings test
    """
    rules = RuleSet.compile(Parts(load(config)).mapping_set())
    results = run_tests((*rules.rules, *rules.sets))
    failed = [r for r in results if not r.passed]
    if as_json:
        emit_lines({"mapping": r.mapping, "path": r.path, "line": r.line, "test": r.name, "passed": r.passed} for r in results)
    else:
        for r in failed:
            write(f"{r.path}:{r.line}: test {r.name!r}: expected {r.expected}, said {r.said or 'nothing'}")
    say(f"{len(results) - len(failed)} of {len(results)} test events say what they should")
    return Exit.FAILED if failed else Exit.DONE
