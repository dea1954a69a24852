//! Every input that the fuzzer's corpus keeps, and what it once found, against its invariant.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{fs, panic, path::Path};

use toolgate_test_invariants::{ALL, check};

#[test]
fn every_kept_input_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let mut broken = Vec::new();
    for (name, _) in ALL {
        let files: Vec<_> = fs::read_dir(corpus.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            let input = fs::read(&file).unwrap();
            if panic::catch_unwind(|| check(name, &input)).is_err() {
                broken.push(file);
            }
        }
    }
    assert!(broken.is_empty(), "what must hold does not for {broken:#?}");
}

#[test]
fn every_invariant_has_its_fuzz_target_and_every_target_its_invariant() {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/fuzz_targets");
    let files = fs::read_dir(targets).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = files.collect();
    files.sort();
    assert_eq!(files, ALL.map(|(name, _)| format!("{name}.rs")));
}
