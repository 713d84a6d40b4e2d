"""Options of TLS that do not fit together are refused before anything is opened."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from vivace.server import TLS, Config, ConfigError

CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


def test_without_a_certificate_there_is_no_tls() -> None:
    assert Config().tls.enabled is False
    assert TLS(ssl_certfile="a.pem").enabled
    assert TLS(ssl_self_signed=True).enabled
    assert TLS(ssl_context=CONTEXT).enabled


@pytest.mark.parametrize("asked", ["optional", 1, "1", ssl.CERT_OPTIONAL])
def test_client_certificates_are_asked_for_by_name_or_as_uvicorn_and_ssl_do(asked: str | int) -> None:
    tls = TLS(ssl_certfile="a.pem", ssl_ca_certs="ca.pem", ssl_cert_reqs=asked)
    assert tls.ssl_cert_reqs == "optional"
    assert tls.verify_mode is ssl.CERT_OPTIONAL


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ssl_keyfile": "key.pem"}, "ssl_keyfile is for TLS, which needs ssl_certfile"),
        ({"ssl_ciphers": "AES"}, "ssl_ciphers is for TLS, which needs ssl_certfile"),
        ({"ssl_ca_certs": "ca.pem", "ssl_cert_reqs": "required"}, "ssl_ca_certs is for TLS"),
        ({"ssl_certfile": "a.pem", "ssl_self_signed": True}, "ssl_certfile and ssl_self_signed each bring"),
        ({"ssl_certfile": "a.pem", "ssl_context": CONTEXT}, "ssl_certfile and ssl_context each bring"),
        ({"ssl_context": CONTEXT, "ssl_ciphers": "AES"}, "ssl_context decides about ssl_ciphers as well"),
        ({"ssl_self_signed": True, "ssl_keyfile": "a.pem"}, "belong to ssl_certfile"),
        ({"ssl_certfile": "a.pem", "ssl_cert_reqs": "required"}, "belong together"),
        ({"ssl_certfile": "a.pem", "ssl_ca_certs": "ca.pem"}, "belong together"),
        ({"ssl_certfile": "a.pem", "ssl_cert_reqs": "always"}, '"none", "optional" or "required", got \'always\''),
        ({"ssl_certfile": "a.pem", "ssl_minimum_version": "1.1"}, 'must be "1.2" or "1.3", got \'1.1\''),
    ],
)
def test_what_does_not_fit_together_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_options(options)
    assert message in str(caught.value)
