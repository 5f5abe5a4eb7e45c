"""When somebody is to be told: rules over the catalogue of metrics, whom they concern, and the files that say so."""
