//! How long the wire crate's work takes. `cargo bench -p toolgate-benches --bench wire [-- <case>]`

use std::time::{Duration, Instant};

use toolgate_benches::{Case, cases};

const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_millis(40);

fn main() {
    // Cargo adds `--bench`; what is no option names cases.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    println!("{:<14} {:>10} {:>12} {:>12} {:>9}", "case", "bytes", "best", "median", "GB/s");
    for case in cases() {
        if wanted.is_empty() || wanted.iter().any(|name| name == case.name) {
            report(&case);
        }
    }
}

fn report(case: &Case) {
    let mut times = measure(case);
    times.sort_by(f64::total_cmp);
    let (best, median) = (times[0], times[ROUNDS / 2]);
    println!(
        "{:<14} {:>10} {:>9.2} µs {:>9.2} µs {:>9.2}   {}",
        case.name,
        case.bytes,
        best * 1e6,
        median * 1e6,
        case.bytes as f64 / best / 1e9,
        case.about
    );
}

/// Seconds per run, once for each round.
fn measure(case: &Case) -> Vec<f64> {
    let mut runs = 1_u32;
    while time(case, runs) < ROUND {
        runs *= 2;
    }
    (0..ROUNDS).map(|_| time(case, runs).as_secs_f64() / f64::from(runs)).collect()
}

fn time(case: &Case, runs: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..runs {
        case.run();
    }
    start.elapsed()
}
