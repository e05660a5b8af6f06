"""Apache Atlas: every subtype of DataSet that its type system knows."""
