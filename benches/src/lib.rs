//! Benches: the wire crate in time and instructions, and the load bench.
