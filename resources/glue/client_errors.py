"""What an error of AWS means to us, and the exact IAM statement or Lake Formation grant that would mend it."""

import json

from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

from governance.errors import (
    AuthenticationError,
    ConfigurationError,
    DeadlineExceeded,
    GovernanceError,
    NotFound,
    PermissionDenied,
    ProtocolError,
    Throttled,
    TlsError,
    Transient,
    Unavailable,
)
from resources.glue.translate_names import arn_of

PLATFORM = "glue"

# throttling is in no service model of these calls: the code in the answer is all there is
_THROTTLED = {
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "TooManyRequestsException",
    "TooManyRequests",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "PriorRequestNotComplete",
}
_DENIED = {"AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "NotAuthorized"}
_UNAUTHENTICATED = {
    "ExpiredTokenException",
    "ExpiredToken",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidAccessKeyId",
    "RequestExpired",
    "RequestTimeTooSkewed",
}
_ABSENT = {"EntityNotFoundException", "NoSuchEntity", "NoSuchKey", "NoSuchBucket"}
_TRANSIENT = {
    "OperationTimeoutException",
    "InternalServiceException",
    "InternalFailure",
    "ServiceUnavailable",
    "ConcurrentModificationException",
    "RequestTimeout",
    "RequestTimeoutException",
}
_OF_NO_RESOURCE = {"glue:GetJobs", "glue:GetDataflowGraph"}
"""Calls that IAM allows or not as a whole."""
_BROKEN_OFF = (aws.ConnectionError, aws.HTTPClientError, aws.ResponseStreamingError, aws.IncompleteReadError)
_NO_CREDENTIALS = (
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.CredentialRetrievalError,
    aws.TokenRetrievalError,
    aws.SSOError,
    aws.RefreshWithMFAUnsupportedError,
)


def statement(operation: str, region: str, catalog: str | None) -> str:
    """The IAM statement that allows this call, as JSON to paste into a policy.

    Args:
        operation: such as `glue:GetTables`.
        region: of the catalog.
        catalog: its account, None where it is not known.
    """
    resources = ["*"]
    if operation.startswith("glue:") and operation not in _OF_NO_RESOURCE:
        kinds = [("catalog", "")]
        kinds += [("database", "*")] if "Policies" not in operation else []
        kinds += [("table", "*/*")] if "Table" in operation else []
        resources = [arn_of(region, catalog or "*", kind, name) for kind, name in kinds]
    return json.dumps({"Effect": "Allow", "Action": [operation], "Resource": resources})


class Classifier:
    """Turns exceptions of botocore into ours."""

    def __init__(self, region: str, catalog: str | None, role: str | None) -> None:
        self.region, self.catalog, self.role = region, catalog, role

    def __call__(self, error: Exception, operation: str) -> GovernanceError | None:
        """Our error, None where the exception is not one of botocore's."""
        if isinstance(error, aws.ClientError):
            return self._answered(error, operation)
        if isinstance(error, _NO_CREDENTIALS):
            return _made(
                AuthenticationError,
                f"no usable AWS credentials: {error}",
                operation,
                "give access_key_id and secret_access_key or a profile, or run where an instance or task role is",
            )
        if isinstance(error, aws.SSLError):
            remedy = "point ca_bundle at the certificate authority that signed this endpoint, or correct endpoint_url"
            return _made(TlsError, f"the server's certificate is not trusted: {error}", operation, remedy)
        if isinstance(error, aws.ReadTimeoutError):
            return _made(DeadlineExceeded, f"no answer in time: {error}", operation, "raise read_timeout_seconds")
        if isinstance(error, ResponseParserError):
            return _made(Unavailable, f"the answer was cut short or garbled: {error}", operation, "look at the proxy")
        if isinstance(error, _BROKEN_OFF):
            remedy = "check region, endpoint_url and the network between here and AWS"
            return _made(Unavailable, f"AWS could not be reached: {error}", operation, remedy)
        if isinstance(error, aws.ParamValidationError | aws.InvalidRegionError):
            return _made(ConfigurationError, f"AWS cannot be asked that: {error}", operation, "correct the connection")
        return None

    def _answered(self, error: aws.ClientError, operation: str) -> GovernanceError:
        if error.operation_name == "AssumeRole":
            # botocore takes the role inside whichever call comes first
            operation = "sts:AssumeRole"
        told = error.response.get("Error", {})
        code, text = str(told.get("Code", "")), str(told.get("Message", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        message = f"{text or 'no message'} ({code or status})"
        if code in _THROTTLED or status == 429:
            return _made(Throttled, message, operation, "")
        if code in _DENIED:
            return _made(PermissionDenied, message, operation, self.grant(operation, text))
        if code in _UNAUTHENTICATED:
            return _made(AuthenticationError, message, operation, self._identity(code))
        if code in _ABSENT:
            return _made(NotFound, message, operation, "")
        if code == "UnknownOperationException" or status == 404:
            # never NotFound: a wrong address would be evidence that things are gone
            return _made(ProtocolError, message, operation, "check endpoint_url: what answers there has no such call")
        if code in _TRANSIENT:
            return _made(
                Transient if code.startswith(("Operation", "Request")) else Unavailable, message, operation, ""
            )
        if status >= 500:
            return _made(Unavailable, message, operation, "")
        if status in (401, 403):
            return _made(PermissionDenied, message, operation, self.grant(operation, text))
        if code in ("InvalidInputException", "ValidationException", "InvalidParameterValue"):
            remedy = "check catalog_id and region: AWS understood the call but not its arguments"
            return _made(ConfigurationError, message, operation, remedy)
        return _made(ProtocolError, message, operation, "")

    def grant(self, operation: str, text: str = "") -> str:
        """What to ask for; a refusal by Lake Formation needs its own grant, not an IAM policy."""
        if operation == "sts:AssumeRole":
            return f"let {self.role} trust this identity for sts:AssumeRole, and compare external_id with its condition"
        if "lake formation permission" in text.lower():
            return (
                "aws lakeformation grant-permissions --principal DataLakePrincipalIdentifier=<this identity> "
                '--permissions DESCRIBE --resource \'{"Table":{"DatabaseName":"<database>","TableWildcard":{}}}\''
            )
        return f"attach this IAM statement to the identity: {statement(operation, self.region, self.catalog)}"

    def _identity(self, code: str) -> str:
        if code.startswith("Expired") or code == "RequestExpired":
            return "renew the session token, or use role_arn so that it renews itself"
        if code == "RequestTimeTooSkewed":
            return "set this machine's clock"
        if code.startswith(("InvalidSignature", "SignatureDoes")):
            return "the secret_access_key does not belong to this access_key_id, or the clock is wrong"
        return "check access_key_id, secret_access_key and session_token: AWS does not know this key"


def _made(kind: type[GovernanceError], message: str, operation: str, remedy: str) -> GovernanceError:
    return kind(message, platform=PLATFORM, operation=operation, remedy=remedy)
