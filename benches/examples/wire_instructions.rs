//! How many instructions the wire crate's work takes, counted by valgrind's callgrind.
//!
//! Without arguments, or with names of cases, it runs itself under valgrind, twice for each case, and prints the
//! difference per run: what comes before and after the work is in both counts and falls out. With `<case> <n>` it does the
//! work of one case n times.

use std::{
    env,
    process::{Command, ExitCode},
};

use toolgate_benches::{Case, cases};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    if let [name, times] = &args[..]
        && let Ok(times) = times.parse()
    {
        return work(name, times);
    }
    println!("{:<14} {:>10} {:>14} {:>10}", "case", "bytes", "instructions", "per byte");
    for case in cases() {
        if !args.is_empty() && !args.iter().any(|name| name == case.name) {
            continue;
        }
        match count(&case) {
            Ok(each) => print(&case, each),
            Err(problem) => {
                eprintln!("{problem}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn work(name: &str, times: u64) -> ExitCode {
    let Some(case) = cases().into_iter().find(|case| case.name == name) else {
        eprintln!("there is no case {name:?}; there are: {:?}", cases());
        return ExitCode::FAILURE;
    };
    for _ in 0..times {
        case.run();
    }
    ExitCode::SUCCESS
}

fn print(case: &Case, each: u64) {
    let per_byte = each as f64 / case.bytes as f64;
    println!("{:<14} {:>10} {:>14} {:>10.2}   {}", case.name, case.bytes, each, per_byte, case.about);
}

/// Instructions per run.
fn count(case: &Case) -> Result<u64, String> {
    let (few, many) = if case.bytes > 100_000 { (2, 12) } else { (100, 1100) };
    Ok((collected(case.name, many)? - collected(case.name, few)?) / (many - few))
}

/// Instructions of a whole process that does the work `times` times.
fn collected(name: &str, times: u64) -> Result<u64, String> {
    let this = env::current_exe().map_err(|error| format!("this program does not know where it is: {error}"))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(this)
        .args([name, &times.to_string()])
        .output()
        .map_err(|error| format!("valgrind can't be started ({error}); install it, or measure the time instead"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let number = said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    number.ok_or_else(|| format!("valgrind counted nothing:\n{said}"))
}
