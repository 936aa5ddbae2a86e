"""Makes clients of the library that leave nothing behind where they cannot be made, and that notice refused credentials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pipeline.stream.kafka_cluster import Cluster

_HANG_UPS: Final = 3
"""Times that a broker told its version and hung up on the credentials, after which they are taken for refused."""


def open_client(cluster: Cluster, kind: Callable[..., Any], name: str, **config: Any) -> tuple[Any, Any]:
    """Return a client of the library (KafkaProducer, KafkaConsumer, KafkaAdminClient) and its metadata. Raises StreamError."""
    nets: list[Any] = []

    def net_client(**own: Any) -> Any:
        nets.append(_net_client(own))
        return nets[-1]

    try:
        with cluster.explained():
            client = kind(kafka_client=net_client, **cluster.config(name), **config)
    except BaseException:
        for net in nets:  # its thread would go on for ever
            net.close()
        raise
    return client, nets[0].cluster


def _net_client(config: dict[str, Any]) -> Any:
    """A client that gives up once its credentials were refused: by itself it tries again until its time is over.

    A broker answers a refusal and hangs up in one breath, and the library mostly sees only the latter.
    """
    from kafka.errors import SaslAuthenticationFailedError
    from kafka.net.compat import KafkaNetClient
    from kafka.net.manager import KafkaConnectionManager
    from kafka.net.selector import NetworkSelector

    net = NetworkSelector(**config)
    manager = KafkaConnectionManager(net, **config)
    if config["sasl_mechanism"]:
        refusals: list[Exception] = []
        get_connection = manager.get_connection

        def watched(*args: Any, **how: Any) -> Any:
            if len(refusals) >= _HANG_UPS or any(isinstance(error, SaslAuthenticationFailedError) for error in refusals):
                raise SaslAuthenticationFailedError
            connection = get_connection(*args, **how)
            if not manager.bootstrapped:  # nobody was ever let in
                connection.close_future.add_errback(lambda error: refusals.append(error) if connection.broker_version else None)
            return connection

        manager.get_connection = watched
    return KafkaNetClient(net=net, manager=manager, **config)
