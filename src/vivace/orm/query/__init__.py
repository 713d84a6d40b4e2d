"""From a queryset to rows. A queryset is a *shape* (hashable, no values) and its values.

Read in this order: `conditions` and `expressions` (what users write, and how each splits into shape and values),
`queryset` (and its parts: `state`, `chaining`, `fetching`), `numbering` (a shape with its values numbered), `compiler`
(SQL from a shape, on a miss of the cache), `hydrate` (rows into instances).
"""
