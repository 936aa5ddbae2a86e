"""Keys, certificates and secrets: KMS, Certificate Manager, Secrets Manager."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collectors.aws_services.base import Call, Look, Resource, Subject
from collectors.aws_services.joined import joined

KEYS: Final = Call("kms", "ListKeys")
KEY: Final = Call("kms", "DescribeKey")
ROTATION: Final = Call("kms", "GetKeyRotationStatus")
POLICY: Final = Call("kms", "GetKeyPolicy")
ALIASES: Final = Call("kms", "ListAliases")
CERTIFICATES: Final = Call("acm", "ListCertificates")
CERTIFICATE: Final = Call("acm", "DescribeCertificate")
SECRETS: Final = Call("secretsmanager", "ListSecrets")
KEY_TYPES: Final = ("RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1")
_ROTATION: Final = ("KeyRotationEnabled", "RotationPeriodInDays", "NextRotationDate", "OnDemandRotationStartDate")


def _keys(look: Look) -> Iterator[Subject]:
    """Keys of the customer's: those that AWS manages are only asked what they are."""
    aliases = joined(look, ALIASES, "Aliases", "TargetKeyId", Limit=100)
    for item in look.list(KEYS, "Keys", Limit=1000):
        arn, name = str(item["KeyArn"]), str(item["KeyId"])
        key = look.subject(arn, item, name)
        gone = ("NotFoundException",)
        told = key.ask("KeyMetadata", KEY, pick="KeyMetadata", gone=gone, KeyId=arn) or {}
        if told.get("KeyManager") == "AWS":
            continue
        aliases.put(key, "Aliases", name)
        absent = ("UnsupportedOperationException", "KMSInvalidStateException")
        key.ask("KeyRotationStatus", ROTATION, pick=_ROTATION, absent=absent, gone=gone, KeyId=arn)
        key.ask("Policy", POLICY, pick="Policy", gone=gone, KeyId=arn, PolicyName="default")
        yield key


def _certificates(look: Look) -> Iterator[Subject]:
    for item in look.list(CERTIFICATES, "CertificateSummaryList", Includes={"keyTypes": list(KEY_TYPES)}, MaxItems=1000):
        arn = str(item["CertificateArn"])
        certificate = look.subject(arn, {"CertificateArn": arn}, str(item.get("DomainName") or arn))
        certificate.ask("Certificate", CERTIFICATE, pick="Certificate", gone=("ResourceNotFoundException",), CertificateArn=arn)
        if certificate.get("Certificate.InUseBy"):
            certificate.marks.add("in use")
        yield certificate


def _secrets(look: Look) -> Iterator[Subject]:
    """Secrets and their rotation. What they hold is never asked."""
    for item in look.list(SECRETS, "SecretList", MaxResults=100):
        secret = look.subject(str(item["ARN"]), item, str(item["Name"]))
        secret.days("LastAccessedDate")
        if item.get("RotationEnabled") is True:
            secret.marks.add("rotated")
        yield secret


RESOURCES: Final = (
    Resource(
        "kms",
        "key",
        "regional",
        "the customer's keys: state, rotation, policy, aliases",
        (KEYS, KEY, ROTATION, POLICY, ALIASES),
        _keys,
        ("A.8.3", "A.8.24"),
        documents=("Policy",),
    ),
    Resource(
        "acm",
        "certificate",
        "regional",
        "certificates: expiry, renewal, key, what uses them",
        (CERTIFICATES, CERTIFICATE),
        _certificates,
        ("A.8.24",),
        marks=("in use",),
    ),
    Resource(
        "secretsmanager",
        "secret",
        "regional",
        "secrets and their rotation, never what they hold",
        (SECRETS,),
        _secrets,
        ("A.5.17", "A.8.24"),
        marks=("rotated",),
    ),
)
