"""Making keys and certificates; files and their lives are in ``certificates``.

This alone loads ``cryptography``, which takes a tenth of a second: import it when one is made.
"""

import json
from collections.abc import Collection
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def make_authority(now: datetime, days: int, domains: Collection[str]) -> bytes:
    """A new authority that may speak for those domains and all below them, and no others."""
    key = ec.generate_private_key(ec.SECP256R1())
    until = now + timedelta(days=days)
    permitted = [x509.DNSName(domain) for domain in domains]
    name = _subject("sagelet: a local stand-in for AWS")
    builder = (
        _builder(name, name, key, now, until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
    )
    return _pem(builder, key, key, until, "")


def make_server(
    authority: bytes, names: Collection[str], now: datetime, days: int, purpose: str
) -> bytes:
    """A certificate of an authority's for those names.

    Raises:
        ValueError: the authority is not one of ours.
    """
    issuer = x509.load_pem_x509_certificate(authority)
    issuer_key = load_pem_private_key(authority[authority.index(b"-----BEGIN PRIVATE") :], None)
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise ValueError("authority.pem: the key is not ours")  # noqa: TRY004
    key = ec.generate_private_key(ec.SECP256R1())
    until = now + timedelta(days=days)
    builder = (
        _builder(_subject("sagelet"), issuer.subject, key, now, until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    return _pem(builder, key, issuer_key, until, purpose)


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)])


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    until: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # a client's clock may be late
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _pem(
    builder: x509.CertificateBuilder,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    until: datetime,
    purpose: str,
) -> bytes:
    certificate = builder.sign(signer, hashes.SHA256())
    about = json.dumps({"until": until.timestamp(), "purpose": purpose})
    return (
        f"Sagelet: {about}\n".encode()
        + certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
