"""One module a version, with the SQL it runs beside it. A version that was released is never edited."""
