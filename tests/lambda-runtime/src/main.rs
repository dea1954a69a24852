//! A Lambda Runtime API and function URL on loopback, for running the built function as Lambda does.

fn main() {}
