"""What the plain type words of the platforms mean: `NUMBER(38,0)`, `character varying(20)`, `timestamp with time zone`.

Nothing is widened: sizes and precision stay, and a word that means different things in different systems (`int8`) is
not understood rather than guessed.
"""

import re
from typing import Final

from governance.type_tree import Array, Plain, Type, Unknown

DIALECTS: Final = {
    "hive": "hive",
    "glue": "hive",
    "spark": "spark",
    "databricks": "spark",
    "trino": "trino",
    "iceberg": "trino",
    "snowflake": "snowflake",
}
"""Words that callers may use, to the four dialects that differ in the meaning of a word."""

_EXACT: Final = {
    **{w: "boolean" for w in ("boolean", "bool", "bit", "logical")},
    **{w: "double" for w in ("double", "double precision", "float8", "float64", "binary_double")},
    **{w: "float" for w in ("real", "float4", "float32", "binary_float")},
    **{w: "uuid" for w in ("uuid", "guid", "uniqueidentifier")},
    **{w: "json" for w in ("json", "jsonb")},
    **{w: "variant" for w in ("variant", "sql_variant", "super")},
    **{w: "void" for w in ("void", "null", "nulltype")},
    "date": "date",
    "xml": "xml",
    "object": "object",
    "geography": "geography",
    "geometry": "geometry",
    "money": "decimal(19,4)",
    "smallmoney": "decimal(10,4)",
    "smalldatetime": "timestamp_ntz",
}
# a number in brackets is a display width here, which MySQL writes and which changes nothing
_INTEGERS: Final = {
    **{w: "tinyint" for w in ("tinyint", "byteint", "byte")},
    **{w: "smallint" for w in ("smallint", "int2", "int16", "short")},
    **{w: "int" for w in ("int", "integer", "int4", "int32", "mediumint")},
    **{w: "bigint" for w in ("bigint", "int64", "long")},
}
_TEXTS: Final = frozenset(
    "string str text varchar nvarchar varchar2 nvarchar2 clob nclob ntext tinytext mediumtext longtext".split()
) | {"character varying", "char varying", "nchar varying", "national character varying"}
_CHARS: Final = frozenset({"char", "character", "nchar", "bpchar", "national character"})
_BINARIES: Final = frozenset(
    "binary varbinary bytes bytea blob tinyblob mediumblob longblob image raw fixed".split()
) | {"binary varying"}
_DECIMALS: Final = frozenset("decimal dec numeric number bignumeric".split())
_TIMES: Final = {
    **{w: "timestamp" for w in ("timestamp",)},
    **{w: "timestamp_ntz" for w in ("timestamp_ntz", "timestampntz", "datetime", "datetime2")},
    **{w: "timestamp_ltz" for w in ("timestamp_ltz", "timestampltz", "timestamp with local time zone")},
    **{w: "timestamp_tz" for w in ("timestamp_tz", "timestamptz", "timestamp with time zone", "datetimeoffset")},
    "timestamp without time zone": "timestamp_ntz",
    "time": "time",
    "time without time zone": "time",
    "time_tz": "time_tz",
    "time with time zone": "time_tz",
}
_UNBOUNDED: Final = {
    ("snowflake", "16777216"),
    ("snowflake", "134217728"),
    ("snowflake", "8388608"),
    ("snowflake", "67108864"),
    ("", "max"),
}
_SNOWFLAKE_DOUBLES: Final = frozenset({"float", "float4", "float8", "double", "double precision", "real"})

_PHRASE = re.compile(r"(?P<head>[^()\[\]<>,]+)(?:\((?P<args>[^()]*)\)(?P<tail>[a-z ]*))?(?P<arrays>(?: ?\[ ?\])*)")
_NUMBER = re.compile(r"-?[0-9]{1,9}")
_ARGUMENT = re.compile(r"[\w:.+-]+")
_LONGEST = 200


def word(text: str, dialect: str) -> Type:
    """The type of a text without type parts; `Unknown` where it is not understood.

    Args:
        text: as the platform wrote it, without `NOT NULL` and its like.
        dialect: one of the values of `DIALECTS`, or empty where the system behind the text is not known.
    """
    short = " ".join(text.lower().split()) if len(text) <= 10 * _LONGEST else ""
    found = _PHRASE.fullmatch(short) if 0 < len(short) <= _LONGEST else None
    if found is None:
        return Plain("interval") if _is_interval(short) else Unknown(text)
    head, args, tail, arrays = found.group("head", "args", "tail", "arrays")
    phrase = f"{head.strip()} {(tail or '').strip()}".strip()
    parts = tuple(a.strip() for a in args.split(",")) if args is not None else ()
    out = _scalar(phrase, parts, dialect)
    if out is None:
        return Unknown(text)
    for _ in range(arrays.count("[")):
        out = Array(out)
    return out


def _scalar(phrase: str, args: tuple[str, ...], dialect: str) -> Type | None:
    if dialect == "snowflake" and (snowflake := _snowflake(phrase, args)) is not None:
        return snowflake
    if not args and phrase == "array":
        return Array(Unknown(""))
    if phrase in _TEXTS:
        return _sized("varchar", args, dialect, unsized="string")
    if phrase in _CHARS:
        return _sized("char", args or ("1",), dialect, unsized="string")
    if phrase in _BINARIES:
        return _sized("binary", args, dialect, unsized="binary")
    if phrase in _DECIMALS:
        return _decimal(args, dialect)
    if phrase in _TIMES:
        return _temporal(_TIMES[phrase], args, dialect)
    if phrase in _INTEGERS and all(_NUMBER.fullmatch(a) for a in args):
        return Plain(_INTEGERS[phrase])
    if phrase == "float":
        return _float(args)
    if phrase == "vector" or (args and phrase in ("geography", "geometry")):
        return Plain(f"{phrase}({','.join(args)})") if args and all(map(_ARGUMENT.fullmatch, args)) else None
    if _is_interval(phrase):
        return Plain("interval")
    return Plain(_EXACT[phrase]) if not args and phrase in _EXACT else None


def _snowflake(phrase: str, args: tuple[str, ...]) -> Type | None:
    """Snowflake keeps every integer as NUMBER(38,0) and every float in 64 bits."""
    if not args and phrase == "array":
        return Array(Plain("variant"))
    if not args and phrase in _INTEGERS:
        return Plain("decimal(38,0)")
    return Plain("double") if not args and phrase in _SNOWFLAKE_DOUBLES else None


def _sized(base: str, args: tuple[str, ...], dialect: str, *, unsized: str) -> Type | None:
    # Oracle writes `varchar2(20 char)`
    size = args[0].removesuffix(" char").removesuffix(" byte") if args else ""
    if len(args) > 1:
        return None
    if not args or (dialect, size) in _UNBOUNDED or size == "max":
        return Plain(unsized)
    return Plain(f"{base}({int(size)})") if _NUMBER.fullmatch(size) else None


def _decimal(args: tuple[str, ...], dialect: str) -> Type | None:
    if not args:
        return Plain({"hive": "decimal(10,0)", "spark": "decimal(10,0)", "": "decimal"}.get(dialect, "decimal(38,0)"))
    if len(args) > 2 or not all(_NUMBER.fullmatch(a) for a in args):
        return None
    return Plain(f"decimal({int(args[0])},{int(args[1]) if len(args) == 2 else 0})")


def _temporal(base: str, args: tuple[str, ...], dialect: str) -> Type | None:
    default = {"snowflake": "9", "trino": "3"}.get(dialect)
    if not args or args == (default,):
        return Plain(base)
    return Plain(f"{base}({int(args[0])})") if len(args) == 1 and _NUMBER.fullmatch(args[0]) else None


def _float(args: tuple[str, ...]) -> Type | None:
    """`float(n)` of standard SQL counts bits of the mantissa."""
    if not args:
        return Plain("float")
    if len(args) > 1 or not _NUMBER.fullmatch(args[0]):
        return None
    return Plain("float" if int(args[0]) <= 24 else "double")


def _is_interval(phrase: str) -> bool:
    return phrase == "interval" or phrase.startswith("interval ")
