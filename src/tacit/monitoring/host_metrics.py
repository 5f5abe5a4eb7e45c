"""What is measured of the machine and the process: memory, processors, disk, how long we are up."""

from __future__ import annotations

from tacit.monitoring.metric import Metric

MEMORY_RATIO = Metric(
    "tacit_memory_ratio",
    "gauge",
    "ratio",
    "Share of the memory in use, of whatever limits us most; NaN where the system does not tell.",
    "entrypoints",
)
CPU_CORES = Metric(
    "tacit_cpu_cores", "gauge", "cores", "Processors that this process may use; with a quota, as many as it is worth.",
    "entrypoints",
)  # fmt: skip
DISK_FREE = Metric(
    "tacit_disk_free_ratio", "gauge", "ratio", "Share of the home's disk that is free to us.", "entrypoints"
)
OOM_KILLS = Metric(
    "tacit_oom_kills",
    "gauge",
    "processes",
    "Processes of our control group that the kernel ended for want of memory since the group was made.",
    "entrypoints",
)
UPTIME = Metric("tacit_uptime_seconds", "gauge", "seconds", "Time since this process began to serve.", "entrypoints")
TRAIL_BROKEN = Metric(
    "tacit_trail_broken",
    "gauge",
    "boolean",
    "1 if a trail was found changed when it was last gone through, else 0.",
    "security",
    {"trail": ("audit", "accesses")},
)

HOST_METRICS: tuple[Metric, ...] = (MEMORY_RATIO, CPU_CORES, DISK_FREE, OOM_KILLS, UPTIME, TRAIL_BROKEN)

OF_THE_CLIENT: frozenset[str] = frozenset(
    {
        "process_cpu_seconds_total",
        "process_max_fds",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_virtual_memory_bytes",
        "python_gc_collections_total",
        "python_gc_objects_collected_total",
        "python_gc_objects_uncollectable_total",
    }
)
"""What Prometheus' client measures of every process by itself."""
