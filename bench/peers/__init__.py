"""DataHub and OpenMetadata beside us: each in an environment of its own under `.bench/`, reading the same endpoint."""
