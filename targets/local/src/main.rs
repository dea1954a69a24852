//! Toolgate on one machine: the gateway with an embedded store, and the operator's command line.

fn main() {}
