"""Microsoft Purview: collections, and the assets of each with columns, classifications, terms, contacts and labels."""
