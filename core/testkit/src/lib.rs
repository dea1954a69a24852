//! A deterministic in-memory platform with a virtual clock, and the contract every store must keep.
