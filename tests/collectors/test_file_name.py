"""collectors/file_name.py: which names are log files', and what they say."""

from __future__ import annotations

import pytest

from collectors.file_name import FileName, parse_name
from store.times import parse_time

GOOD = "218007301253_CloudTrail_us-east-1_20230710T1145Z_7xgocspSowgK0Gto.json.gz"


def test_a_name_says_account_region_and_delivery() -> None:
    expected = FileName("218007301253", "us-east-1", parse_time("2023-07-10T11:45:00Z"), True)
    assert parse_name(GOOD) == expected
    assert parse_name(f"AWSLogs/o-abc/218007301253/CloudTrail/us-east-1/2023/07/10/{GOOD}") == expected
    assert expected.part == "218007301253/us-east-1"
    plain = parse_name(GOOD.removesuffix(".gz"))
    assert plain is not None
    assert not plain.zipped
    gov = parse_name(GOOD.replace("us-east-1", "us-gov-west-1"))
    assert gov is not None
    assert gov.region == "us-gov-west-1"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "LICENSE",
        GOOD + ".part",
        "." + GOOD,
        GOOD.replace("_CloudTrail_", "_CloudTrail-Digest_"),
        "218007301253_CloudTrail-Insight_us-east-1_20230710T1145Z_7xgocspSowgK0Gto.json.gz",
        GOOD.replace("218007301253", "21800730125"),
        GOOD.replace("20230710T1145Z", "20230631T1145Z"),
        GOOD.replace("20230710T1145Z", "20230710T2460Z"),
        GOOD.replace("20230710T1145Z", "19691231T2359Z"),
        GOOD.replace("us-east-1", "../../etc"),
        GOOD.replace("us-east-1", "us-east-1\n"),
        GOOD + "\n",
        GOOD.replace("2", "\u0662"),
    ],
)
def test_other_names_do_not_fit(name: str) -> None:
    assert parse_name(name) is None
