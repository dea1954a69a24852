//! The repository's own commands: test, up, bench, sizes.

fn main() {}
