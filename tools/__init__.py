"""The house's own tools: the guards that keep its rules and the ledger of what its tests prove."""
