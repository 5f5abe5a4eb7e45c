"""The import engine on DuckDB: rows judged, set apart by user, merged and read back, out of core."""
