//! What a host may read at any time, also after a trap: the reply, the logs, and what went wrong.

use crate::{logs, memory};

/// The block that the exported global `REPORT` points to: eight 32-bit words, little endian.
#[repr(C)]
struct Report {
    /// Where the last reply is, and how long.
    reply: u32,
    reply_length: u32,
    /// Where the logs are, and how long: strings of JSON, separated by commas.
    logs: u32,
    logs_length: u32,
    /// Where the message of a panic is, and how long.
    panic: u32,
    panic_length: u32,
    /// Why the instance is about to trap: [`Fault`].
    fault: u32,
    /// The memory in use, in bytes.
    used: u32,
}

/// Why an instance trapped, if the guest knows.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Fault {
    /// Memory ran out.
    Memory = 1,
    /// The interpreter found itself in a state that it takes for impossible.
    Panic = 2,
}

#[unsafe(no_mangle)]
static mut REPORT: Report =
    Report { reply: 0, reply_length: 0, logs: 0, logs_length: 0, panic: 0, panic_length: 0, fault: 0, used: 0 };

const REPORT_AT: *mut Report = &raw mut REPORT;

fn change(what: impl FnOnce(&mut Report)) {
    // SAFETY: one thread; the host reads between calls only.
    what(unsafe { &mut *REPORT_AT });
}

/// A step is over: `reply` is what the host reads.
pub(crate) fn answered(reply: &[u8]) {
    change(|report| {
        (report.reply, report.reply_length) = place(reply);
        report.fault = 0;
        report.used = memory::used() as u32;
    });
}

/// The logs are `bytes` now.
pub(crate) fn logged(bytes: &[u8]) {
    change(|report| (report.logs, report.logs_length) = place(bytes));
}

pub(crate) fn memory_ran_out() {
    change(|report| {
        report.fault = Fault::Memory as u32;
        report.used = memory::used() as u32;
    });
}

/// Keeps the message of a panic, which ends the instance.
pub(crate) fn watch_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("a panic");
        // A request for more than there can be is a program's doing.
        let fault = if message == "capacity overflow" { Fault::Memory } else { Fault::Panic };
        let message = logs::leak(message);
        change(|report| {
            (report.panic, report.panic_length) = place(message);
            report.fault = fault as u32;
        });
    }));
}

fn place(bytes: &[u8]) -> (u32, u32) {
    (bytes.as_ptr() as u32, bytes.len() as u32)
}
