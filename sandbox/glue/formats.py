"""The Hive classes that Glue names for a file format."""

from typing import NamedTuple

_HADOOP = "org.apache.hadoop."
_TEXT_IN = f"{_HADOOP}mapred.TextInputFormat"
_TEXT_OUT = f"{_HADOOP}hive.ql.io.HiveIgnoreKeyTextOutputFormat"


class Format(NamedTuple):
    """Input format, output format and serde of a table."""

    input_format: str
    output_format: str
    serde: str


_PARQUET = Format(
    f"{_HADOOP}hive.ql.io.parquet.MapredParquetInputFormat",
    f"{_HADOOP}hive.ql.io.parquet.MapredParquetOutputFormat",
    f"{_HADOOP}hive.ql.io.parquet.serde.ParquetHiveSerDe",
)
_FORMATS = {
    "parquet": _PARQUET,
    "hudi": _PARQUET._replace(input_format="org.apache.hudi.hadoop.HoodieParquetInputFormat"),
    "iceberg": Format(
        f"{_HADOOP}mapred.FileInputFormat",
        f"{_HADOOP}mapred.FileOutputFormat",
        f"{_HADOOP}hive.serde2.lazy.LazySimpleSerDe",
    ),
    "delta": Format(
        f"{_HADOOP}mapred.SequenceFileInputFormat",
        f"{_HADOOP}hive.ql.io.HiveSequenceFileOutputFormat",
        f"{_HADOOP}hive.serde2.lazy.LazySimpleSerDe",
    ),
    "csv": Format(_TEXT_IN, _TEXT_OUT, f"{_HADOOP}hive.serde2.OpenCSVSerde"),
    "json": Format(_TEXT_IN, _TEXT_OUT, "org.openx.data.jsonserde.JsonSerDe"),
    "orc": Format(
        f"{_HADOOP}hive.ql.io.orc.OrcInputFormat",
        f"{_HADOOP}hive.ql.io.orc.OrcOutputFormat",
        f"{_HADOOP}hive.ql.io.orc.OrcSerde",
    ),
    "avro": Format(
        f"{_HADOOP}hive.ql.io.avro.AvroContainerInputFormat",
        f"{_HADOOP}hive.ql.io.avro.AvroContainerOutputFormat",
        f"{_HADOOP}hive.serde2.avro.AvroSerDe",
    ),
}


def format_of(name: str) -> Format:
    """The classes of this format."""
    return _FORMATS[name]
