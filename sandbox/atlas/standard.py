"""The standard models of Apache Atlas that the sandbox needs: base, glossary, Hive, RDBMS, Kafka, paths, Spark, HBase.

An attribute is written `name:type`, the type `string` where none is given; `!` means mandatory, `!!` mandatory and
unique, `*` a set, `[]` a list.
"""

import re
from typing import Any

Json = dict[str, Any]

_ATTRIBUTE = re.compile(r"(?P<name>\w+)(?::(?P<type>[\w<>,]+))?(?P<mark>!!|!|\*|\[\])?")


def attribute(text: str) -> Json:
    """One attribute definition from its short form."""
    match = _ATTRIBUTE.fullmatch(text)
    if match is None:
        raise ValueError(f"not an attribute: {text}")
    mark = match["mark"] or ""
    many = {"*": "SET", "[]": "LIST"}.get(mark, "SINGLE")
    required = mark.startswith("!")
    return {
        "name": match["name"],
        "typeName": match["type"] or "string",
        "isOptional": not required,
        "isUnique": mark == "!!",
        "isIndexable": mark == "!!",
        "cardinality": many,
        "valuesMinCount": 1 if required else 0,
        "valuesMaxCount": 1 if many == "SINGLE" else 2147483647,
    }


def entity(name: str, parents: str, attributes: str = "", service: str = "", **options: str) -> Json:
    """An entity definition; parents and attributes are separated by spaces."""
    return {
        "name": name,
        "superTypes": parents.split(),
        "attributeDefs": [attribute(a) for a in attributes.split()],
        **({"serviceType": service} if service else {}),
        **({"options": options} if options else {}),
    }


def relation(name: str, category: str, first: str, second: str, tags: str = "NONE", attributes: str = "") -> Json:
    """A relationship definition. An end is `type.name`; `+` contains the other end, `*` many, `^` legacy."""
    return {
        "name": name,
        "relationshipCategory": category,
        "propagateTags": tags,
        "attributeDefs": [attribute(a) for a in attributes.split()],
        "endDef1": _end(first),
        "endDef2": _end(second),
    }


def _end(text: str) -> Json:
    type_name, _, rest = text.partition(".")
    return {
        "type": type_name,
        "name": rest.rstrip("+*^"),
        "isContainer": "+" in rest,
        "cardinality": "SET" if "*" in rest else "SINGLE",
        "isLegacyAttribute": "^" in rest,
    }


def _enum(name: str, *members: str, start: int = 0) -> Json:
    return {"name": name, "elementDefs": [{"value": m, "ordinal": n} for n, m in enumerate(members, start)]}


def _struct(name: str, attributes: str) -> Json:
    return {"name": name, "attributeDefs": [attribute(a) for a in attributes.split()]}


_LINK = "description expression status:AtlasGlossaryTermRelationshipStatus steward source"
_TEXTS = "qualifiedName!! name! shortDescription longDescription additionalAttributes:map<string,string>"

STANDARD: Json = {
    "enumDefs": [
        _enum("hive_principal_type", "USER", "ROLE", "GROUP", start=1),
        _enum("AtlasGlossaryTermRelationshipStatus", "DRAFT", "ACTIVE", "DEPRECATED", "OBSOLETE", "OTHER"),
        _enum(
            "AtlasGlossaryTermAssignmentStatus",
            "DISCOVERED",
            "PROPOSED",
            "IMPORTED",
            "VALIDATED",
            "DEPRECATED",
            "OBSOLETE",
            "OTHER",
        ),
        _enum("file_action", "NONE", "EXECUTE", "WRITE", "WRITE_EXECUTE", "READ", "READ_EXECUTE", "READ_WRITE", "ALL"),
    ],
    "structDefs": [
        _struct("hive_order", "order:int! col!"),
        _struct("hive_serde", "name serializationLib parameters:map<string,string>"),
        _struct("fs_permissions", "user:file_action group:file_action others:file_action sticky:boolean"),
    ],
    "entityDefs": [
        entity("AtlasServer", "", "name! displayName! fullName!! urls:array<string> additionalInfo:map<string,string>"),
        entity(
            "Referenceable",
            "",
            "qualifiedName!! replicatedFrom:array<AtlasServer>* replicatedTo:array<AtlasServer>*",
            "atlas_core",
        ),
        entity("Asset", "Referenceable", "name! description owner", "atlas_core"),
        entity("DataSet", "Asset", "", "atlas_core"),
        entity("Process", "Asset", "inputs:array<DataSet>* outputs:array<DataSet>*", "atlas_core"),
        entity("ProcessExecution", "Asset", "", "atlas_core"),
        entity("Infrastructure", "Asset", "", "atlas_core"),
        entity("__internal", "", "", "atlas_core"),
        entity("AtlasGlossary", "__internal", f"{_TEXTS} language usage", "atlas_core"),
        entity("AtlasGlossaryCategory", "__internal", _TEXTS, "atlas_core"),
        entity("AtlasGlossaryTerm", "__internal", f"{_TEXTS} examples:array<string> abbreviation usage", "atlas_core"),
        entity(
            "hive_db",
            "Asset",
            "clusterName! location parameters:map<string,string> ownerType:hive_principal_type",
            "hive",
        ),
        entity(
            "hive_table",
            "DataSet",
            "createTime:date lastAccessTime:date comment retention:int aliases:array<string>* "
            "parameters:map<string,string> viewOriginalText viewExpandedText tableType temporary:boolean",
            "hive",
            schemaElementsAttribute="columns",
        ),
        entity("hive_column", "DataSet", "type! comment position:int", "hive"),
        entity(
            "hive_storagedesc",
            "Referenceable",
            "location inputFormat outputFormat compressed:boolean! numBuckets:int serdeInfo:hive_serde "
            "bucketCols:array<string>* sortCols:array<hive_order>* parameters:map<string,string> "
            "storedAsSubDirectories:boolean",
            "hive",
        ),
        entity(
            "hive_process",
            "Process",
            "startTime:date! endTime:date! userName! operationType! queryText! queryPlan! queryId! "
            "recentQueries:array<string>[] clusterName queryGraph",
            "hive",
        ),
        entity("hive_column_lineage", "Process", "depenendencyType! expression", "hive"),
        entity(
            "rdbms_instance",
            "DataSet",
            "rdbms_type! platform cloudOrOnPrem hostname port:int protocol contact_info comment",
            "rdbms",
        ),
        entity("rdbms_db", "DataSet", "prodOrOther contact_info", "rdbms"),
        entity(
            "rdbms_table",
            "DataSet",
            "name_path createTime:date comment type contact_info",
            "rdbms",
            schemaElementsAttribute="columns",
        ),
        entity(
            "rdbms_column",
            "DataSet",
            "data_type length:int default_value comment isNullable:boolean isPrimaryKey:boolean",
            "rdbms",
        ),
        entity("rdbms_index", "DataSet", "index_type isUnique:boolean comment", "rdbms"),
        entity("rdbms_foreign_key", "DataSet", "", "rdbms"),
        entity(
            "kafka_topic",
            "DataSet",
            "topic! uri! type contactInfo keyClassname partitionCount:int partitionCountLocal:int "
            "partitionCountNational:int replicationFactorLocal:int replicationFactorNational:int "
            "retentionBytesLocal:long retentionBytesNational:long segmentBytesLocal:long segmentBytesNational:long "
            "retentiontimeLocalInHrs:int retentiontimeNationalInHrs:int desiredRetentionInHrs:int "
            "numberOfEventsPerDay:long maxThroughputPerSec:long avgMessageSizeInBytes:long",
            "kafka",
        ),
        entity(
            "fs_path",
            "DataSet",
            "path! createTime:date modifiedTime:date isFile:boolean isSymlink:boolean fileSize:long group "
            "posixPermissions:fs_permissions",
            "file_system",
        ),
        entity(
            "hdfs_path",
            "fs_path",
            "clusterName numberOfReplicas:int extendedAttributes:map<string,string> nameServiceId",
            "file_system",
        ),
        entity(
            "aws_s3_bucket",
            "DataSet",
            "partner domain region isEncrypted:boolean encryptionType createtime:date permissions ownerId",
            "aws",
        ),
        entity(
            "aws_s3_pseudo_dir",
            "DataSet",
            "objectPrefix! subdomain subject currentStorageLocation dataType createTime:date",
            "aws",
        ),
        entity("spark_db", "DataSet", "location clusterName parameters:map<string,string> ownerType", "spark"),
        entity(
            "spark_table",
            "DataSet",
            "tableType provider partitionColumnNames:array<string> bucketSpec:map<string,string> ownerType "
            "createTime:date parameters:map<string,string> comment unsupportedFeatures:array<string> "
            "viewOriginalText schemaDesc partitionProvider",
            "spark",
        ),
        entity("spark_column", "DataSet", "type! nullable:boolean metadata comment", "spark"),
        entity(
            "spark_process",
            "Process",
            "executionId:long currUser remoteUser details sparkPlanDescription",
            "spark",
        ),
        entity("hbase_namespace", "Asset", "clusterName! parameters:map<string,string> createTime:date", "hbase"),
        entity("hbase_table", "DataSet", "uri! parameters:map<string,string> createTime:date durability", "hbase"),
        entity("hbase_column_family", "DataSet", "createTime:date compressionType maxVersions:int ttl:int", "hbase"),
        entity("hbase_column", "DataSet", "", "hbase"),
    ],
    "relationshipDefs": [
        relation(
            "dataset_process_inputs",
            "AGGREGATION",
            "Process.inputs+*^",
            "DataSet.inputToProcesses*",
            "TWO_TO_ONE",
        ),
        relation(
            "process_dataset_outputs",
            "AGGREGATION",
            "Process.outputs+*^",
            "DataSet.outputFromProcesses*",
            "ONE_TO_TWO",
        ),
        relation("hive_table_db", "AGGREGATION", "hive_table.db^", "hive_db.tables+*"),
        relation("hive_table_columns", "COMPOSITION", "hive_table.columns+*^", "hive_column.table^"),
        relation("hive_table_partitionkeys", "COMPOSITION", "hive_table.partitionKeys+*^", "hive_column.table^"),
        relation("hive_table_storagedesc", "COMPOSITION", "hive_table.sd+^", "hive_storagedesc.table^"),
        relation(
            "hive_process_column_lineage",
            "COMPOSITION",
            "hive_column_lineage.query^",
            "hive_process.columnLineages+*",
        ),
        relation("rdbms_instance_databases", "COMPOSITION", "rdbms_instance.databases+*^", "rdbms_db.instance^"),
        relation("rdbms_db_tables", "COMPOSITION", "rdbms_db.tables+*^", "rdbms_table.db^"),
        relation("rdbms_table_columns", "COMPOSITION", "rdbms_table.columns+*^", "rdbms_column.table^"),
        relation("rdbms_table_indexes", "COMPOSITION", "rdbms_table.indexes+*^", "rdbms_index.table^"),
        relation("rdbms_index_columns", "ASSOCIATION", "rdbms_index.columns*^", "rdbms_column.indexes*^"),
        relation("rdbms_table_foreign_key", "COMPOSITION", "rdbms_table.foreign_keys+*^", "rdbms_foreign_key.table^"),
        relation(
            "rdbms_foreign_key_key_columns",
            "ASSOCIATION",
            "rdbms_foreign_key.key_columns*^",
            "rdbms_column.key_column_references*",
        ),
        relation(
            "rdbms_foreign_key_table_references",
            "ASSOCIATION",
            "rdbms_foreign_key.references_table^",
            "rdbms_table.foreign_key_references*",
        ),
        relation(
            "aws_s3_bucket_aws_s3_pseudo_dirs",
            "COMPOSITION",
            "aws_s3_bucket.pseudoDirectories+*^",
            "aws_s3_pseudo_dir.bucket^",
        ),
        relation("spark_table_db", "AGGREGATION", "spark_table.db", "spark_db.tables+*"),
        relation("spark_table_columns", "COMPOSITION", "spark_table.columns+*", "spark_column.table"),
        relation("hbase_table_namespace", "COMPOSITION", "hbase_table.namespace^", "hbase_namespace.tables+*"),
        relation(
            "hbase_table_column_families",
            "COMPOSITION",
            "hbase_table.column_families+*^",
            "hbase_column_family.table^",
        ),
        relation(
            "hbase_column_family_columns",
            "COMPOSITION",
            "hbase_column_family.columns+*^",
            "hbase_column.column_family^",
        ),
        relation("AtlasGlossaryTermAnchor", "COMPOSITION", "AtlasGlossary.terms+*", "AtlasGlossaryTerm.anchor"),
        relation(
            "AtlasGlossaryCategoryAnchor", "COMPOSITION", "AtlasGlossary.categories+*", "AtlasGlossaryCategory.anchor"
        ),
        relation(
            "AtlasGlossaryTermCategorization",
            "AGGREGATION",
            "AtlasGlossaryCategory.terms+*",
            "AtlasGlossaryTerm.categories*",
            attributes="description status:AtlasGlossaryTermRelationshipStatus",
        ),
        relation(
            "AtlasGlossaryCategoryHierarchyLink",
            "AGGREGATION",
            "AtlasGlossaryCategory.childrenCategories+*",
            "AtlasGlossaryCategory.parentCategory",
        ),
        relation(
            "AtlasGlossarySemanticAssignment",
            "ASSOCIATION",
            "AtlasGlossaryTerm.assignedEntities*",
            "Referenceable.meanings*",
            "ONE_TO_TWO",
            "description expression status:AtlasGlossaryTermAssignmentStatus confidence:int createdBy steward source",
        ),
        *(
            relation(
                f"AtlasGlossary{word}",
                "ASSOCIATION",
                f"AtlasGlossaryTerm.{a}*",
                f"AtlasGlossaryTerm.{b}*",
                attributes=_LINK,
            )
            for word, a, b in (("RelatedTerm", "seeAlso", "seeAlso"), ("IsARelationship", "classifies", "isA"))
        ),
    ],
}
