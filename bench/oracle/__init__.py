"""DataHub as a witness: what it reads from the sandbox's lake and warehouse, held against our inventory of the same."""
