//! Toolgate on AWS Lambda.

fn main() {}
