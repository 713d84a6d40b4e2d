"""What users write in a query (`F`, `Q`, `Count`, lookups), and the SQL that each of it becomes.

An expression is *frozen* into a shape (hashable, no values) and its values; a shape with its values numbered is *built*
into an `Operand`, a piece of SQL and what is known about it. Read in this order: `conditions` and `base` (what is
frozen), `numbering`, `operand` and `operands` (what is built), `kinds` (types of values), `func`, `transforms`,
`lookups`.

Nothing here knows a queryset: the SELECT in which an expression stands is known by what it offers, `scope.Scope`.
"""
