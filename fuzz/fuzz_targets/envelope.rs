#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| toolgate_test_invariants::check("envelope", input));
