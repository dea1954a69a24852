//! A tenant's records in memory, as fresh as the staleness bound says.
