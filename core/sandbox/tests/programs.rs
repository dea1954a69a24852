//! The programs that every host runs, interpreted: those as agents write them. (Hostile ones take a minute here; `sandbox/wasmtime` has them.)

use toolgate_ports::Platform;
use toolgate_testkit::{
    MemoryPlatform,
    programs::{LANGUAGE, as_expected, cases, run_fixture, told},
};

#[test]
fn programs_end_as_they_should() {
    let platform = MemoryPlatform::new();
    let cases = cases(LANGUAGE);
    assert!(cases.len() > 60, "the table was read");
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let report = platform.run(run_fixture(platform.sandbox(), platform.clock(), &case.code));
            let told = told(&report);
            (!as_expected(case, &report)).then(|| format!("{}: {told}", case.name))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
