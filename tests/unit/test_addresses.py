"""Addresses and ports of hosts without Docker, and what they see of this machine."""

from ipaddress import ip_address, ip_network

from sagelet.domain import addresses
from sagelet.domain.rules import MAX_HOSTS

NAMES = [f"algo-{number}" for number in range(1, MAX_HOSTS + 1)]


def test_as_many_hosts_as_a_job_may_have_fit_into_its_network():
    places = addresses.own_addresses(NAMES)
    network = ip_network(addresses.CIDR)
    taken = {address for _, address in places} | {addresses.GATEWAY, addresses.NAMESERVER}
    assert len(taken) == MAX_HOSTS + 2
    assert all(ip_address(address) in network for address in taken)
    assert str(network.broadcast_address) not in taken
    assert [name for name, _ in places] == NAMES


def test_no_two_jobs_share_an_address_or_a_port():
    seen, ports = set(), set()
    for block in range(1, addresses.BLOCKS + 1):
        seen |= {address for _, address in addresses.shared_addresses(block, NAMES)}
        first = addresses.first_port(block)
        ports |= set(range(first, first + 1 + 2 * MAX_HOSTS))
    assert len(seen) == addresses.BLOCKS * MAX_HOSTS
    assert all(ip_address(address).is_loopback for address in seen)
    assert len(ports) == addresses.BLOCKS * (1 + 2 * MAX_HOSTS)
    assert min(ports) > 1023
    assert max(ports) < 32768, "Linux takes ports of outgoing connections from there on"


def test_urls_of_this_machine_lead_through_the_gateway():
    gateway = addresses.GATEWAY
    seen = addresses.through_gateway(
        {
            "AWS_ENDPOINT_URL": "http://127.0.0.1:4580",
            "AWS_ENDPOINT_URL_S3": "http://localhost:9000/x",
            "HTTPS_PROXY": "http://key:secret@127.0.0.1:4580",
            "http_proxy": "http://localhost",
            "PIP_INDEX_URL": "http://proxy.example/127.0.0.1:3141",
            "PIP_EXTRA_INDEX_URL": "http://127.0.0.1:3141/simple",
            "NO_PROXY": "localhost",
            "SERVICE": "http://127.0.0.1:5000",
        }
    )
    assert seen == {
        "AWS_ENDPOINT_URL": f"http://{gateway}:4580",
        "AWS_ENDPOINT_URL_S3": f"http://{gateway}:9000/x",
        "HTTPS_PROXY": f"http://key:secret@{gateway}:4580",
        "http_proxy": f"http://{gateway}",
        "PIP_INDEX_URL": "http://proxy.example/127.0.0.1:3141",
        "PIP_EXTRA_INDEX_URL": f"http://{gateway}:3141/simple",
        "NO_PROXY": f"localhost,{gateway}",
        "SERVICE": "http://127.0.0.1:5000",
    }
    assert addresses.through_gateway({})["NO_PROXY"] == gateway
