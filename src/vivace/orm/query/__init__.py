"""From a queryset to rows. A queryset is a *shape* (hashable, no values) and its values.

Read in this order: `queryset` (and its parts: `state`, `chaining`, `fetching`), `cache` (shapes that are compiled
already), `compiler` (SQL from a shape, on a miss of the cache), `select` (one SELECT while it is built), `hydrate`
(rows into instances). What stands in a shape, and how each part of it becomes SQL, is in `vivace.orm.expressions`.
"""
