"""The order of a channel's items and who gets which: against the definition in plain words."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from sagelet.domain.dealing import deal, order

counts = st.integers(0, 60)
seeds = st.integers(0, 2**63)
epochs = st.integers(0, 1000)


@given(counts, seeds, epochs)
def test_shuffled_items_are_sorted_by_their_digests(count, seed, epoch):
    digests = {
        hashlib.sha256(f"{seed}:{epoch}:{place}".encode()).hexdigest(): place
        for place in range(count)
    }
    assert list(order(count, seed, epoch)) == [digests[key] for key in sorted(digests)]


@given(counts, epochs)
def test_without_a_seed_every_epoch_is_as_it_was_found(count, epoch):
    assert list(order(count, None, epoch)) == list(range(count))


def test_the_order_is_the_same_on_every_machine():
    assert list(order(8, 42, 0)) == GOLDEN[0]
    assert list(order(8, 42, 1)) == GOLDEN[1]


GOLDEN = [[2, 5, 6, 3, 7, 4, 0, 1], [4, 7, 0, 3, 2, 6, 1, 5]]


@given(counts, st.none() | seeds, epochs, st.integers(1, 20))
def test_dealing_gives_every_item_to_one_host(count, seed, epoch, hosts):
    ordered = order(count, seed, epoch)
    hands = [list(deal(ordered, number, hosts)) for number in range(hosts)]
    assert sorted(item for hand in hands for item in hand) == list(range(count))
    assert max(map(len, hands)) - min(map(len, hands)) <= 1
    rounds = [item for turn in range(count) for hand in hands for item in hand[turn : turn + 1]]
    assert rounds == list(ordered)
