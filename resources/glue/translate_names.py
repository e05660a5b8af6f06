"""What AWS calls principals and resources, in the inventory's words. Pure."""

import re
from typing import NamedTuple

from governance.model import PrincipalKind
from governance.types import path_part

EVERYBODY = "IAM_ALLOWED_PRINCIPALS"
"""Lake Formation's group of all whom IAM lets through: what it may do, Lake Formation does not limit."""

_ACCOUNT = re.compile(r"\d{12}")
_ARN = re.compile(r"arn:aws[a-z-]*:([a-z0-9-]*):[a-z0-9-]*:(\d*):(.+)")
_QUOTED = re.compile(r'"[^"]+"(\."[^"]+")+')
_RESOURCES: dict[tuple[str, str], PrincipalKind] = {
    ("iam", "user"): "user",
    ("iam", "role"): "role",
    ("iam", "group"): "group",
    ("sts", "assumed-role"): "role",
    ("quicksight", "user"): "user",
    ("quicksight", "group"): "group",
    ("identitystore", "user"): "user",
    ("identitystore", "group"): "group",
    ("organizations", "organization"): "group",
    ("organizations", "ou"): "group",
    ("redshift", "dbuser"): "user",
    ("redshift", "dbgroup"): "group",
}


class Principal(NamedTuple):
    """Who is given something."""

    name: str
    kind: PrincipalKind


def partition_of(region: str) -> str:
    """The partition a Region belongs to, first part of its ARNs."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def arn_of(region: str, catalog: str, kind: str, name: str = "") -> str:
    """The ARN of something in a Data Catalog, such as `table` and `sales/orders`."""
    return f"arn:{partition_of(region)}:glue:{region}:{catalog}:{kind}{'/' if name else ''}{name}"


def principal_of(given: str) -> Principal:
    """Who this identifier of Lake Formation or IAM is; an account is one however it is written."""
    if given in (EVERYBODY, "*"):
        return Principal(given, "public")
    account, colon, rest = given.partition(":")
    if _ACCOUNT.fullmatch(account) and (not colon or rest == "IAMPrincipals"):
        return Principal(given, "account")
    match = _ARN.fullmatch(given)
    if match is None:
        return Principal(given, "service" if given.endswith((".amazonaws.com", ".amazonaws.com.cn")) else "unknown")
    service, owner, resource = match.groups()
    if resource == "root" and service == "iam":
        return Principal(owner, "account")
    kind, _, name = resource.partition("/")
    if kind == "saml-provider":
        # arn:aws:iam::123456789012:saml-provider/okta:group/analysts
        kind = next((k for k in ("user", "group") if f":{k}/" in name), kind)
        service = "iam"
    return Principal(given, _RESOURCES.get((service, kind), "unknown"))


def column_path(name: str) -> str:
    """A column as Lake Formation names it, as a path; a field within one comes as `"address"."city"`."""
    if _QUOTED.fullmatch(name):
        return ".".join(path_part(part) for part in name[1:-1].split('"."'))
    return path_part(name)


def location_of(arn: str) -> str:
    """`s3://bucket/folder` of an ARN of S3; any other as it is."""
    match = _ARN.fullmatch(arn)
    return f"s3://{match.group(3)}" if match and match.group(1) == "s3" else arn
