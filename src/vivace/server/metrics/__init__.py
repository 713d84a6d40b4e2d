"""What a server tells of itself to those who draw graphs and wake people: Prometheus and OpenTelemetry.

`families.py` says which metrics there are, `prometheus.py` how they are written, `endpoint.py` where they are served;
`supervised.py` gathers them from workers. `open_telemetry.py` is for those who have a collector.
"""
