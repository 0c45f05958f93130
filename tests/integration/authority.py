"""Certificates for tests: an authority that signs what it is asked for."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as PEM texts and as files."""

    certificate: bytes
    key: bytes
    certificate_path: Path
    key_path: Path


def pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as PEM without a passphrase."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


class Authority:
    """Signs certificates and keeps them as files in a folder."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            self._builder(self._name, self._key.public_key(), timedelta(days=365))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM)
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(self.certificate)

    def sign(
        self,
        common_name: str = "localhost",
        *names: x509.GeneralName,
        days: float = 90,
        file: str = "",
    ) -> Pair:
        """Return a new certificate for localhost, or for `names` when there are any."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tests"),
                x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            ]
        )
        here = (
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        )
        certificate = (
            self._builder(subject, key.public_key(), timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName(names or here), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        stem = file or common_name
        pair = Pair(
            certificate.public_bytes(serialization.Encoding.PEM),
            pem_of(key),
            self._folder / f"{stem}.crt",
            self._folder / f"{stem}.key",
        )
        pair.certificate_path.write_bytes(pair.certificate)
        pair.key_path.write_bytes(pair.key)
        return pair

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, life: timedelta
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + life)
        )
