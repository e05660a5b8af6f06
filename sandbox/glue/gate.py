"""Who may call: access keys, roles with their external ids, and signatures checked as AWS checks them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ACCOUNT = "123456789012"
PARTNER = "210987654321"
REGION = "eu-west-1"

READER_KEY = "AKIASANDBOXREADER001"
READER_SECRET = "sandbox/reader+secret"
RESTRICTED_KEY = "AKIASANDBOXNOLF00002"
RESTRICTED_SECRET = "sandbox/restricted+secret"

READER_USER = f"arn:aws:iam::{ACCOUNT}:user/governance"
READER_ROLE = f"arn:aws:iam::{ACCOUNT}:role/governance-reader"
PARTNER_ROLE = f"arn:aws:iam::{PARTNER}:role/partner-reader"
EXTERNAL_ID = "acme-governance"
"""What both roles' trust policies ask for."""

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request")
_SIGNATURE = re.compile(r"SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]+)")


class Refused(Exception):
    """An answer that is an AWS error: status, code, message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Caller:
    """Who signed a request, and which accounts' catalogs they may read."""

    account: str
    arn: str
    secret: str
    lake_formation: bool = True
    catalogs: tuple[str, ...] = (ACCOUNT, PARTNER)


@dataclass
class Gate:
    """The keys that are known: long-lived ones, and those that AssumeRole gave."""

    callers: dict[str, Caller] = field(
        default_factory=lambda: {
            READER_KEY: Caller(ACCOUNT, READER_USER, READER_SECRET),
            RESTRICTED_KEY: Caller(
                ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/restricted", RESTRICTED_SECRET, lake_formation=False
            ),
        }
    )

    def service(self, headers: Mapping[str, str]) -> str:
        """The service that the request is signed for; S3's anonymous requests count as s3."""
        match = _CREDENTIAL.search(headers.get("authorization", ""))
        return match.group(4) if match else "s3"

    def admit(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Caller:
        """The caller.

        Raises:
            Refused: no or an unknown key, or a signature that does not belong to its secret.
        """
        authorization = headers.get("authorization", "")
        credential, signature = _CREDENTIAL.search(authorization), _SIGNATURE.search(authorization)
        if credential is None or signature is None:
            raise Refused(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
        caller = self.callers.get(credential.group(1))
        if caller is None:
            raise Refused(403, "UnrecognizedClientException", "The security token included in the request is invalid.")
        if credential.group(4) != "s3" and signature.group(2) != _signed(
            caller, credential, signature.group(1), AWSRequest(method, url, data=body), headers
        ):
            raise Refused(
                403,
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided. "
                "Check your AWS Secret Access Key and signing method.",
            )
        return caller

    def trust(self, form: bytes) -> str:
        """The role that an AssumeRole request may take.

        Raises:
            Refused: there is no such role, or the external id is not the one its trust policy asks for.
        """
        fields = parse_qs(form.decode())
        role = fields.get("RoleArn", [""])[0]
        if role not in (READER_ROLE, PARTNER_ROLE) or fields.get("ExternalId", [""])[0] != EXTERNAL_ID:
            raise Refused(403, "AccessDenied", f"User is not authorized to perform: sts:AssumeRole on resource: {role}")
        return role

    def remember(self, role: str, answer: bytes) -> None:
        """Makes the keys known that STS just gave."""
        text = answer.decode()
        key, secret = (_inside(text, tag) for tag in ("AccessKeyId", "SecretAccessKey"))
        account, name = role.split(":")[4], role.rpartition("/")[2]
        self.callers[key] = Caller(account, f"arn:aws:sts::{account}:assumed-role/{name}/governance", secret)


def _inside(xml: str, tag: str) -> str:
    match = re.search(f"<{tag}>([^<]+)</{tag}>", xml)
    return match.group(1) if match else ""


def _signed(
    caller: Caller, credential: re.Match[str], names: str, request: AWSRequest, headers: Mapping[str, str]
) -> str:
    """The signature that the caller's secret gives; computed by botocore itself."""
    for name in names.split(";"):
        request.headers[name] = headers.get(name, "")
    request.context["timestamp"] = headers.get("x-amz-date", "")
    key = credential.group(1)
    auth = SigV4Auth(Credentials(key, caller.secret), credential.group(4), credential.group(3))
    canonical = auth.canonical_request(request)
    return str(auth.signature(auth.string_to_sign(request, canonical), request))
