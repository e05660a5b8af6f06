"""Purview for the sandbox: Entra ID tokens, the account's collections, and the Data Map on the Atlas engine."""
