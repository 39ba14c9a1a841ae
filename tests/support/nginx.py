"""nginx with the configuration that docs/web-server.md shows, on private ports."""

import datetime as dt
import os
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.services import Server, ServiceMissingError, free_port

CONFIGURATION: Final = Path(__file__).resolve().parents[2] / "deploy" / "nginx.conf"
PROGRAM: Final = Path("/usr/sbin/nginx")
NAME: Final = "market.example.com"
"""The name of the site in the configuration. Clients connect to 127.0.0.1 and send this name."""
UPSTREAM_PORTS: Final = (8001, 8002)


class NginxServer(Server):
    """nginx before web processes on these ports. Only ports and files differ from `deploy/nginx.conf`."""

    def __init__(self, upstream_ports: Sequence[int]) -> None:
        super().__init__()
        self.plain_port = free_port()
        self._upstream_ports = upstream_ports
        self._certificate = self.directory / "site.pem"
        self._key = self.directory / "site.key"

    @property
    def url(self) -> str:
        """The public address of the site."""
        return f"https://{NAME}:{self.port}"

    def trusting(self) -> ssl.SSLContext:
        """What a client needs to trust the site's certificate."""
        return ssl.create_default_context(cafile=str(self._certificate))

    def connect(self, source: str = "127.0.0.1") -> ssl.SSLSocket:
        """A TLS connection of a client with its own address."""
        plain = socket.create_connection(("127.0.0.1", self.port), 20, source_address=(source, 0))
        return self.trusting().wrap_socket(plain, server_hostname=NAME)

    def launch(self) -> None:
        """Fill ports and files into the configuration, and start.

        Raises:
            ServiceMissingError: nginx is not installed.
        """
        if not PROGRAM.exists():
            raise ServiceMissingError("the tests need nginx: apt-get install nginx-light")
        _make_certificate(self._certificate, self._key)
        (self.directory / "nginx.conf").write_text(self._filled(CONFIGURATION.read_text()))
        super().launch()

    def _filled(self, text: str) -> str:
        places = {
            "listen 80": f"listen 127.0.0.1:{self.plain_port}",
            "listen 443": f"listen 127.0.0.1:{self.port}",
            f"/etc/ssl/{NAME}.pem": str(self._certificate),
            f"/etc/ssl/private/{NAME}.key": str(self._key),
        }
        for port, own_port in zip(UPSTREAM_PORTS, self._upstream_ports, strict=True):
            places[f"server 127.0.0.1:{port} "] = f"server 127.0.0.1:{own_port} "
        if os.geteuid():  # the directories of the Debian package are root's
            kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
            directories = "".join(f"    {kind}_temp_path {self.directory}/{kind};\n" for kind in kinds)
            places["http {\n"] = f"http {{\n{directories}"
        for documented, ours in places.items():
            assert documented in text, f"deploy/nginx.conf has no {documented!r}"
            text = text.replace(documented, ours)
        return text

    def _command(self) -> list[str]:
        own = f"daemon off; pid {self.directory}/nginx.pid; error_log stderr notice;"
        return [str(PROGRAM), "-p", str(self.directory), "-c", f"{self.directory}/nginx.conf", "-g", own]

    def _ready(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def _make_certificate(certificate: Path, key: Path) -> None:
    """A certificate of the site's name that signs itself."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.touch(mode=0o600)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
