"""The lists name what the simulation uses, and nothing that does not exist there."""

from __future__ import annotations

from attestream.demo.world import ACCOUNT, FOREIGN_ACCOUNT, REGIONS, SUPPLIER_ACCOUNT, demo_lists, dice


def test_lists_are_full_and_hold_no_value_twice():
    for name, values in demo_lists().items():
        assert values, name
        assert len(set(values)) == len(values), name


def test_lists_know_the_supplier_and_not_the_foreign_account():
    lists = demo_lists()
    assert lists["approved_regions"] == list(REGIONS)
    assert SUPPLIER_ACCOUNT in lists["trusted_accounts"]
    assert not any(FOREIGN_ACCOUNT in value for values in lists.values() for value in values)


def test_each_call_gives_lists_of_its_own():
    demo_lists()["approved_regions"].clear()
    assert demo_lists()["approved_regions"] == list(REGIONS)


def test_roles_in_the_lists_are_roles_that_the_records_name(records):
    named = {r["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] for r in records if _role(r)}
    lists = demo_lists()
    for name in ("pipeline_roles", "identity_pipeline_roles", "key_administrators"):
        assert set(lists[name]) <= named, name


def test_every_record_is_of_the_one_account(records):
    assert {record["recipientAccountId"] for record in records} == {ACCOUNT}
    accounts = {record["userIdentity"].get("accountId") for record in records}
    assert accounts == {ACCOUNT, SUPPLIER_ACCOUNT, None}


def test_chance_is_the_same_for_the_same_name_only():
    assert dice(1, "a").random() == dice(1, "a").random()
    assert len({dice(seed, name).random() for seed in (1, 2) for name in ("a", "b")}) == 4


def _role(record):
    return record["userIdentity"].get("type") == "AssumedRole"
