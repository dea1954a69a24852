//! What a process costs, as Linux accounts for it.

use std::{fs, io, time::Duration};

/// The CPU time of all threads that `pid` has now. The scheduler counts in nanoseconds, where `utime` and `stime` count
/// in hundredths of a second.
///
/// # Errors
/// If there is no such process.
pub fn cpu(pid: u32) -> io::Result<Duration> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread that has just ended counts no more.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        nanos += text.split(' ').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or_default();
    }
    Ok(Duration::from_nanos(nanos))
}

/// Begins to measure the peak of memory anew. Without the right to, the peak is that since the start.
pub fn reset_peak_memory(pid: u32) {
    drop(fs::write(format!("/proc/{pid}/clear_refs"), "5"));
}

/// The most memory that `pid` had resident, in KB.
///
/// # Errors
/// If there is no such process.
pub fn peak_memory_kb(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = peak.and_then(|rest| rest.split_whitespace().next()).and_then(|number| number.parse().ok());
    number.ok_or_else(|| io::Error::other("no VmHWM"))
}
