"""Who is served next: by what each has used, with a credit for who used little."""

from __future__ import annotations

from collections import Counter

from bridge.fair_shares import BEGINNING_SHARE, CREDIT_S, FIRST_CREDIT_S, FairShares

GREEDY = [f"greedy {k}" for k in range(16)]


def serve(shares: FairShares[str], waiting: list[str], turns: int, cost: float = 0.02) -> Counter[str]:
    """Give turns of one cost to those that wait; count who had them."""
    had: Counter[str] = Counter()
    for _ in range(turns):
        chosen = shares.next(waiting)
        shares.charge(chosen, cost)
        had[chosen] += 1
    return had


def test_those_that_want_all_get_equal_shares_by_cost() -> None:
    shares: FairShares[str] = FairShares()
    used: Counter[str] = Counter()
    costs = {"a": 0.05, "b": 0.01}
    for _ in range(600):
        chosen = shares.next(costs)
        shares.charge(chosen, costs[chosen])
        used[chosen] += round(costs[chosen] * 100)
    assert abs(used["a"] - used["b"]) <= 10


def test_who_asks_for_little_is_served_before_all_others_each_time() -> None:
    shares: FairShares[str] = FairShares()
    serve(shares, ["modest"], 1)
    serve(shares, GREEDY, 1000)
    for _ in range(20):
        assert serve(shares, [*GREEDY, "modest"], 4)["modest"] == 4
        serve(shares, GREEDY, 80)


def test_a_credit_is_bounded() -> None:
    shares: FairShares[str] = FairShares()
    serve(shares, ["late"], 1)
    serve(shares, GREEDY, 100_000)
    first = serve(shares, [*GREEDY, "late"], 1000)["late"]
    assert CREDIT_S / 0.02 <= first <= CREDIT_S / 0.02 + 1000 / 16


def test_who_is_new_comes_first_but_not_for_long() -> None:
    shares: FairShares[str] = FairShares()
    serve(shares, GREEDY, 1000)
    first = serve(shares, ["new", *GREEDY], 160)["new"]
    assert FIRST_CREDIT_S / 0.02 <= first <= FIRST_CREDIT_S / 0.02 + 160 / 16


def test_one_alone_has_all_and_owes_nothing_for_it_later() -> None:
    shares: FairShares[str] = FairShares()
    assert serve(shares, ["alone"], 10_000)["alone"] == 10_000
    had = serve(shares, ["alone", "other"], 200)
    assert abs(had["alone"] - had["other"]) <= FIRST_CREDIT_S / 0.02 + 2


def test_who_asks_for_little_at_a_time_is_served_soon_however_many_ask_for_much() -> None:
    shares: FairShares[str] = FairShares()
    crowd = [f"greedy {k}" for k in range(64)]
    serve(shares, crowd, 1000)
    serve(shares, ["modest"], 1)
    for _ in range(20):
        for part in range(2):  # a job of two turns, each of 25 ms
            assert shares.next([*crowd, "modest"]) == "modest"
            shares.charge("modest", 0.025, before=part * 0.025)
        serve(shares, crowd, 100)  # two seconds


def test_cutting_much_into_little_gains_no_more_than_the_discount() -> None:
    shares: FairShares[str] = FairShares()
    had: Counter[str] = Counter()
    for _ in range(10_000):
        chosen = shares.next(["whole", "cut"])
        shares.charge(chosen, 0.02, before=0.0 if chosen == "cut" else 1.0)
        had[chosen] += 1
    assert abs(had["cut"] / had["whole"] - 1 / BEGINNING_SHARE) < 0.1


def test_a_credit_can_be_limited_to_that_of_one_who_is_new() -> None:
    shares: FairShares[str] = FairShares()
    serve(shares, ["late"], 1)
    serve(shares, GREEDY, 10_000)
    shares.limit_credit("late")
    first = serve(shares, [*GREEDY, "late"], 160)["late"]
    assert FIRST_CREDIT_S / 0.02 <= first <= FIRST_CREDIT_S / 0.02 + 160 / 16 + 1
