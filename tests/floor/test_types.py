"""The typed tree: every platform's spelling, tolerance, depth, and agreement with the company's own rendering."""

import random
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.model import Column
from governance.types import Array, Field, Map, Plain, Struct, Type, Unknown, canonical, columns_of, parse
from sandbox.company import fields as company
from sandbox.company import retail

SPELLINGS = [
    ("hive", "int", "int"),
    ("hive", "INTEGER  ", "int"),
    ("hive", "decimal", "decimal(10,0)"),
    ("hive", "decimal( 12 , 2 )", "decimal(12,2)"),
    ("hive", "varchar(20)", "varchar(20)"),
    ("hive", "char(3)", "char(3)"),
    ("hive", "float", "float"),
    (
        "hive",
        "array < struct < sku : string , price:decimal(12,2) > >",
        "array<struct<sku:string,price:decimal(12,2)>>",
    ),
    ("hive", "map<string,array<int>>", "map<string,array<int>>"),
    ("hive", "struct<price(usd):int,my-key:string>", "struct<`price(usd)`:int,`my-key`:string>"),
    ("hive", "struct<a:uniontype<int,array<string>>,b:date>", "struct<a:unknown,b:date>"),
    ("hive", "struct<>", "struct<>"),
    ("spark", "STRUCT<a: INT NOT NULL COMMENT 'x', `b c`: STRING>", "struct<a:int,`b c`:string>"),
    ("spark", "STRUCT<a INT, b ARRAY<LONG>>", "struct<a:int,b:array<bigint>>"),
    ("spark", "timestamp_ntz", "timestamp_ntz"),
    ("spark", "interval day to second", "interval"),
    ("spark", "void", "void"),
    ("spark", "STRING COLLATE UTF8_LCASE", "string"),
    ("spark", "struct<a:int,... 5 more fields>", "unknown"),
    ("snowflake", "NUMBER(38,0)", "decimal(38,0)"),
    ("snowflake", "NUMBER", "decimal(38,0)"),
    ("snowflake", "INTEGER", "decimal(38,0)"),
    ("snowflake", "TEXT", "string"),
    ("snowflake", "VARCHAR(16777216)", "string"),
    ("snowflake", "VARCHAR(50)", "varchar(50)"),
    ("snowflake", "FLOAT", "double"),
    ("snowflake", "BINARY(8388608)", "binary"),
    ("snowflake", "VARIANT", "variant"),
    ("snowflake", "OBJECT", "object"),
    ("snowflake", "ARRAY", "array<variant>"),
    ("snowflake", "ARRAY(NUMBER NOT NULL)", "array<decimal(38,0)>"),
    ("snowflake", 'OBJECT(a NUMBER, "b c" VARCHAR NOT NULL)', "struct<a:decimal(38,0),`b c`:string>"),
    ("snowflake", "MAP(VARCHAR, NUMBER(10,0))", "map<string,decimal(10,0)>"),
    ("snowflake", "VECTOR(FLOAT, 256)", "vector(float,256)"),
    ("snowflake", "TIMESTAMP_NTZ(9)", "timestamp_ntz"),
    ("snowflake", "TIMESTAMP_TZ(3)", "timestamp_tz(3)"),
    ("trino", "row(a int, b array(varchar))", "struct<a:int,b:array<string>>"),
    ("trino", "timestamp(6) with time zone", "timestamp_tz(6)"),
    ("trino", "timestamp(3)", "timestamp"),
    ("trino", "varbinary", "binary"),
    ("trino", "row(int, varchar)", "unknown"),
    ("", "nvarchar(50)", "varchar(50)"),
    ("", "nvarchar(max)", "string"),
    ("", "int64", "bigint"),
    ("", "int8", "unknown"),
    ("", "tinyint(1)", "tinyint"),
    ("", "datetime2(7)", "timestamp_ntz(7)"),
    ("", "uniqueidentifier", "uuid"),
    ("", "character varying(20)", "varchar(20)"),
    ("", "double precision", "double"),
    ("", "int[][]", "array<array<int>>"),
    ("", "array", "array<unknown>"),
    ("", "Edm.String", "unknown"),
    ("", "", "unknown"),
    ("", "array<int", "unknown"),
    ("", "array<int>>", "unknown"),
    ("", "array(int>", "unknown"),
    ("", "map<string>", "unknown"),
    ("", "struct<a:int,>", "unknown"),
    ("", "decimal(x,y)", "unknown"),
    ("", "int; drop", "unknown"),
]


@pytest.mark.parametrize(("dialect", "native", "expected"), SPELLINGS, ids=[f"{d}:{n}" for d, n, _ in SPELLINGS])
def test_every_spelling_has_one_canonical_text(dialect: str, native: str, expected: str) -> None:
    assert canonical(parse(native, dialect)) == expected
    if "struct" not in expected:
        assert canonical(parse(f" {native.upper()}\n", dialect)) == expected


def test_platform_words_are_dialects_too() -> None:
    assert canonical(parse("decimal", "glue")) == "decimal(10,0)"
    assert canonical(parse("decimal", "databricks")) == "decimal(10,0)"
    assert canonical(parse("decimal", "purview")) == "decimal"


def test_columns_have_a_row_for_every_named_field_after_its_parent() -> None:
    native = "STRUCT<a: INT NOT NULL COMMENT 'it\\'s', `b.c`: MAP<STRING, ARRAY<STRUCT<v: DATE>>>>"
    assert columns_of("my col", native, 3, nullable=True, comment="top", partition_key=True, dialect="spark") == (
        Column("my col", 3, native, "struct<a:int,`b.c`:map<string,array<struct<v:date>>>>", True, "top", True),
        Column("my col.a", 1, "INT", "int", False, "it's"),
        Column('my col."b.c"', 2, "MAP<STRING, ARRAY<STRUCT<v: DATE>>>", "map<string,array<struct<v:date>>>"),
        Column('my col."b.c"{}[].v', 1, "DATE", "date"),
    )


def test_names_that_would_be_read_as_a_path_are_quoted() -> None:
    paths = [c.path for c in columns_of('a"b', "struct<x[0]:int,plain:int,q{}:array<struct<z.z:int>>,:int>", 1)]
    assert paths == [
        '"a""b"',
        '"a""b"."x[0]"',
        '"a""b".plain',
        '"a""b"."q{}"',
        '"a""b"."q{}"[]."z.z"',
        '"a""b".""',
    ]


def test_what_the_type_text_says_stands_in_for_what_the_platform_does_not() -> None:
    said = columns_of("a", "NUMBER(5,0) NOT NULL COMMENT 'from the text'", 1, dialect="snowflake")[0]
    assert (said.type, said.nullable, said.comment) == ("decimal(5,0)", False, "from the text")
    told = columns_of("a", "INT NOT NULL COMMENT 'x'", 1, nullable=True, comment="y")[0]
    assert (told.nullable, told.comment) == (True, "y")
    assert columns_of("a", "struct<b:int null>", 1)[1].nullable is True
    assert columns_of("a", "int", 1, properties={"mask": "x"})[0].properties == {"mask": "x"}


def test_an_unknown_type_keeps_its_native_text() -> None:
    native = "frobnicate<int,(what>"
    assert columns_of("a", native, 1) == (Column("a", 1, native, "unknown"),)
    assert parse(native) == Unknown(native)


def test_of_two_fields_with_one_name_only_the_first_has_a_path() -> None:
    columns = columns_of("a", "struct<x:int,x:string,X:date>", 1)
    assert [(c.path, c.ordinal, c.type) for c in columns[1:]] == [("a.x", 1, "int"), ("a.X", 3, "date")]
    assert columns[0].type == "struct<x:int,x:string,X:date>"


@pytest.mark.parametrize("level", ["array<{}>", "struct<a:{}>", "map<string,{}>", "ROW(a {})"])
def test_two_hundred_levels_are_a_tree(level: str) -> None:
    opener, closer = level.split("{}")
    columns = columns_of("c", opener * 200 + "int" + closer * 200, 1)
    assert columns[0].type.count("<") == 200
    assert "int" in columns[0].type
    if level.startswith("struct"):
        assert columns[-1] == Column("c" + ".a" * 200, 1, "int", "int")


HOSTILE = {
    "5,000 levels": "struct<a:" * 5000 + "int" + ">" * 5000,
    "5,000 levels of arrays": "array(" * 5000 + "int" + ")" * 5000,
    "escaped quotes": "'\\" * 100_000,
    "open quotes": "a comment '" * 20_000,
    "backticks": "`" * 199_999,
    "angles": "<" * 200_000,
    "parentheses": "(" * 200_000,
    "spaces": "struct<" + " " * 200_000 + "a" + " " * 100_000 + ">",
    "clauses": "struct<a:int" + " null" * 50_000 + ">",
    "a megabyte": "int," * 250_000,
    "wide": "struct<" + "a:int," * 20_000 + "z:int>",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_ends_soon(text: str) -> None:
    began = time.process_time()
    assert columns_of("c", text, 1)[0].native_type == text
    assert time.process_time() - began < 3


def test_a_thousand_columns_of_known_types_take_milliseconds() -> None:
    natives = [f"decimal({n % 30 + 1},2)" for n in range(1000)]

    def once() -> float:
        began = time.process_time()
        for native in natives:
            columns_of("a", native, 1)
        return time.process_time() - began

    once()
    assert min(once() for _ in range(5)) < 0.02


# ---- generated trees

_SIZED = st.builds(lambda word, n: Plain(f"{word}({n})"), st.sampled_from(["varchar", "char"]), st.integers(1, 65535))
_DECIMAL = st.builds(lambda p, s: Plain(f"decimal({p},{min(p, s)})"), st.integers(1, 38), st.integers(0, 38))
_WORDS = "boolean tinyint smallint int bigint float double string binary date timestamp timestamp_ntz variant json uuid"
_PLAIN = st.one_of(st.sampled_from(_WORDS.split()).map(Plain), _SIZED, _DECIMAL)
_ANY_NAME = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
_PLAIN_NAME = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,10}", fullmatch=True)


def trees(names: st.SearchStrategy[str], leaves: st.SearchStrategy[Type] = _PLAIN) -> st.SearchStrategy[Type]:
    """Type trees whose struct fields have these names."""
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(Array, inner),
            st.builds(Map, inner, inner),
            st.lists(st.builds(Field, names, inner), max_size=4, unique_by=lambda f: f.name).map(
                lambda fs: Struct(tuple(fs))
            ),
        ),
        max_leaves=12,
    )


@given(trees(_ANY_NAME))
def test_canonical_text_is_read_back_as_itself(tree: Type) -> None:
    assert canonical(parse(canonical(tree))) == canonical(tree)


@settings(max_examples=300)
@given(st.one_of(st.text(), st.text("struct<>(),:`'\"array map int not null comment \\ 12", max_size=80)))
def test_any_text_ends_as_a_tree(text: str) -> None:
    for dialect in ("", "hive", "spark", "snowflake", "trino"):
        columns = columns_of("a", text, 1, dialect=dialect)
        assert columns[0].type == canonical(parse(text, dialect))
        assert canonical(parse(columns[0].type)) == columns[0].type
        assert len({c.path for c in columns}) == len(columns)


@given(trees(_PLAIN_NAME), st.sampled_from(["hive", "spark", "snowflake", "trino"]), st.randoms(use_true_random=False))
def test_every_dialect_s_spelling_with_any_spacing_and_case_is_the_same_tree(
    tree: Type, dialect: str, rnd: random.Random
) -> None:
    native = _Spelling(dialect, rnd).of(tree)
    assert canonical(parse(native, dialect)) == canonical(_as_kept_by(tree, dialect)), native


class _Spelling:
    """Renders a tree as a platform writes it, with whitespace and case as the dice say."""

    def __init__(self, dialect: str, rnd: random.Random) -> None:
        self.round = dialect in ("snowflake", "trino")
        self.spark = dialect == "spark"
        self.record = {"snowflake": "object", "trino": "row"}.get(dialect, "struct")
        self.rnd = rnd

    def of(self, tree: Type) -> str:
        gap, word = self.gap, self.word
        opener, closer = ("(", ")") if self.round else ("<", ">")
        match tree:
            case Array(of):
                return f"{gap()}{word('array')}{gap()}{opener}{self.of(of)}{closer}{gap()}"
            case Map(key, value):
                return f"{word('map')}{gap()}{opener}{self.of(key)},{self.of(value)}{closer}"
            case Struct(fields):
                return f"{gap()}{word(self.record)}{opener}{','.join(map(self.field, fields)) or gap()}{closer}{gap()}"
            case Plain(text):
                sized = re.sub(r"[(),]", lambda m: f"{gap()}{m[0]}{gap()}", text)
                return f"{gap()}{word(sized)}{gap()}"
        raise AssertionError(tree)

    def field(self, field: Field) -> str:
        clauses = self.rnd.choice(["", " NOT NULL", " not  null", " comment 'a, <b>: ''c'''"]) if self.spark else ""
        name = f"`{field.name}`" if self.spark and self.rnd.random() < 0.5 else field.name
        return f"{self.gap()}{name}{self.gap()}{' ' if self.round else ':'}{self.of(field.type)}{clauses}"

    def gap(self) -> str:
        return self.rnd.choice(["", "", " ", "  ", "\n\t"])

    def word(self, text: str) -> str:
        return self.rnd.choice([text, text.upper(), text.title()])


def _as_kept_by(tree: Type, dialect: str) -> Type:
    """Snowflake has one integer and one float type only."""
    kept = {**dict.fromkeys(["tinyint", "smallint", "int", "bigint"], "decimal(38,0)"), "float": "double"}
    match tree:
        case Plain(word) if dialect == "snowflake":
            return Plain(kept.get(word, word))
        case Array(of):
            return Array(_as_kept_by(of, dialect))
        case Map(key, value):
            return Map(_as_kept_by(key, dialect), _as_kept_by(value, dialect))
        case Struct(fields):
            return Struct(tuple(Field(f.name, _as_kept_by(f.type, dialect)) for f in fields))
    return tree


# ---- the company's own rendering, which never parses


@given(st.lists(st.tuples(_PLAIN_NAME, trees(_PLAIN_NAME)), min_size=1, max_size=4))
def test_the_company_s_declarations_give_the_same_rows(declared: list[tuple[str, Type]]) -> None:
    fields = [company.Field(name, _declared(tree)) for name, tree in declared]
    expected = company.columns(fields, company.hive)
    parsed = tuple(
        row
        for n, field in enumerate(fields, 1)
        for row in columns_of(field.name, company.hive(field.type), n, nullable=True, dialect="hive")
    )
    assert parsed == expected


def test_the_tables_of_the_company_give_the_same_rows() -> None:
    entities = [value for value in vars(retail).values() if isinstance(value, retail.Entity)]
    assert len(entities) > 5
    for entity in entities:
        parsed = tuple(
            row
            for n, f in enumerate(entity.fields, 1)
            for row in columns_of(f.name, company.hive(f.type), n, nullable=f.nullable, comment=f.comment)
        )
        assert parsed == company.columns(entity.fields, company.hive)


def _declared(tree: Type) -> company.Type:
    match tree:
        case Array(of):
            return company.Array(_declared(of))
        case Map(key, value):
            return company.Map(_declared(key), _declared(value))
        case Struct(fields):
            return company.Struct(tuple(company.Field(f.name, _declared(f.type)) for f in fields))
        case Plain(word):
            return company.Plain(word)
    raise AssertionError(tree)
