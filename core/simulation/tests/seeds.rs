//! Ten thousand worlds, and the mistakes that they would find.
//!
//! `TOOLGATE_SEED=123 cargo test -p toolgate-simulation` plays one seed and says what came of it; `TOOLGATE_SEEDS=100000` plays more than usual.

#![allow(clippy::disallowed_methods, reason = "a test may be told which seed to play")]

use toolgate_simulation::{Bug, Outcome, diary, run};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays every fourth seed from `first` on.
fn play(first: u64) {
    let (mut granted, mut denied, mut steps) = (0, 0, 0);
    if let Some(seed) = number("TOOLGATE_SEED") {
        diary(seed, None).iter().for_each(|line| println!("{line}"));
        return;
    }
    for seed in (first..number("TOOLGATE_SEEDS").unwrap_or(10_000)).step_by(4) {
        let outcome = run(seed, None);
        if let Some(violation) = outcome.violation {
            panic!("seed {seed}: {violation} (TOOLGATE_SEED={seed} plays it again)");
        }
        (granted, denied, steps) = (granted + outcome.granted, denied + outcome.denied, steps + outcome.steps);
    }
    println!("{granted} calls were let through, {denied} denied, in {steps} steps");
    assert!(granted > 10_000 && denied > 1_000, "the worlds are too quiet: {granted} let through, {denied} denied");
}

#[test]
fn no_limit_is_exceeded_and_nothing_is_lost_0() {
    play(0);
}

#[test]
fn no_limit_is_exceeded_and_nothing_is_lost_1() {
    play(1);
}

#[test]
fn no_limit_is_exceeded_and_nothing_is_lost_2() {
    play(2);
}

#[test]
fn no_limit_is_exceeded_and_nothing_is_lost_3() {
    play(3);
}

/// The first seed that finds `bug`, and what came of it.
fn found(bug: Bug) -> Option<(u64, Outcome)> {
    (0..2_000).map(|seed| (seed, run(seed, Some(bug)))).find(|(_, outcome)| outcome.violation.is_some())
}

#[test]
fn a_mistake_is_found_and_its_seed_finds_it_again() {
    for bug in [
        Bug::AnExpiredLeaseIsHandedOutAgain,
        Bug::ASettlementCountsTwice,
        Bug::ARollingWindowForgetsEarly,
        Bug::ATakeAskedAgainTakesAgain,
        Bug::AnExpiredReservationIsFree,
        Bug::ALeaseEndsByTheWallClock,
    ] {
        let (seed, outcome) = found(bug).unwrap_or_else(|| panic!("{bug:?} is not found"));
        println!("{bug:?}: seed {seed}: {}", outcome.violation.as_deref().unwrap_or_default());
        assert_eq!(run(seed, Some(bug)), outcome, "the same seed plays the same way");
        assert_eq!(run(seed, None).violation, None, "without the mistake nothing is wrong");
    }
}
