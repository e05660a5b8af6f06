"""The answers Atlas gives when it refuses: HTTP status, its own error code, and its message."""


class AtlasError(Exception):
    """A refusal, as the faces answer it: `{"errorCode": code, "errorMessage": message}` with `status`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def body(self) -> dict[str, str]:
        """The JSON body."""
        return {"errorCode": self.code, "errorMessage": self.message}


def type_missing(name: str) -> AtlasError:
    """No such type, asked for by name."""
    return AtlasError(404, "ATLAS-404-00-001", f"Given typename {name} was invalid")


def type_unknown(category: str, name: str) -> AtlasError:
    """No such type, named inside a request."""
    return AtlasError(400, "ATLAS-400-00-014", f"Type {category} with name {name} does not exist")


def type_exists(name: str) -> AtlasError:
    """A type of this name is there already."""
    return AtlasError(409, "ATLAS-409-00-001", f"Given type {name} already exists")


def type_invalid(name: str) -> AtlasError:
    """A definition names a type that is not there."""
    return AtlasError(400, "ATLAS-400-00-029", f"Given typename {name} was invalid")


def search_type_unknown(name: str) -> AtlasError:
    """A search for a type that is not there."""
    return AtlasError(400, "ATLAS-400-00-00A", f"{name}: Unknown/invalid typename")


def guid_missing(guid: str) -> AtlasError:
    """No entity, term or glossary has this guid."""
    return AtlasError(404, "ATLAS-404-00-005", f"Given instance guid {guid} is invalid/not found")


def unique_missing(type_name: str, attributes: dict[str, str]) -> AtlasError:
    """No active entity has these unique attributes."""
    shown = ", ".join(f"{k}={v}" for k, v in attributes.items())
    return AtlasError(404, "ATLAS-404-00-009", f"Instance {type_name} with unique attribute {{{shown}}} does not exist")


def not_unique(type_name: str, names: str) -> AtlasError:
    """These attributes do not identify an entity."""
    return AtlasError(400, "ATLAS-400-00-013", f"Type {type_name} with unique attribute {names} does not exist")


def referenced_missing(reference: str) -> AtlasError:
    """An entity refers to one that is not there."""
    return AtlasError(404, "ATLAS-404-00-00A", f"Referenced entity {reference} is not found")


def invalid_value(what: str) -> AtlasError:
    """An attribute is missing or has a value of the wrong type."""
    return AtlasError(404, "ATLAS-404-00-007", f"Invalid instance creation/updation parameters passed : {what}")


def invalid_parameters(what: str) -> AtlasError:
    """The request contradicts itself or the state."""
    return AtlasError(400, "ATLAS-400-00-01A", f"invalid parameters: {what}")


def bad_request(what: str) -> AtlasError:
    """The request is out of bounds."""
    return AtlasError(400, "ATLAS-400-00-029", what)


def attribute_unknown(type_name: str, attribute: str) -> AtlasError:
    """The type has no such attribute."""
    return AtlasError(400, "ATLAS-400-00-023", f"Attribute {attribute} not found for type {type_name}")


def forbidden(user: str, act: str) -> AtlasError:
    """The user may not do that."""
    return AtlasError(403, "ATLAS-403-00-001", f"{user} is not authorized to perform {act}")
