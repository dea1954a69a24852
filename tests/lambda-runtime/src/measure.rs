//! What a start and a warm event of the function cost on this machine.

use std::{
    io,
    path::Path,
    pin::pin,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Request;
use serde_json::json;
use tokio::sync::{
    mpsc::{self, UnboundedReceiver},
    oneshot,
};

use crate::{
    event,
    instance::{Instance, Invocation, Ticket},
};

/// How many events a warm instance is sent.
const EVENTS: usize = 200;

/// What the function needs to start. The store is never asked.
const SETTINGS: [(&str, &str); 2] = [
    ("TOOLGATE_MASTER_KEY", "0000000000000000000000000000000000000000000000000000000000000000"),
    ("TOOLGATE_TABLE", "unused"),
];

/// What could not be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MeasureError {
    #[error("the function can't be started: {0}")]
    Start(#[from] io::Error),
    #[error("the function ended: {0}")]
    Ended(String),
    #[error("the function gave no answer")]
    NoAnswer,
}

/// Starts the function `times` times, has the last one answer events, and prints one line of JSON.
pub(crate) async fn run(bootstrap: &Path, times: usize) -> Result<(), MeasureError> {
    let (mut starts, mut resident, mut warm) = (Vec::new(), Vec::new(), None);
    for left in (0..times.max(1)).rev() {
        let (tickets, mut given) = mpsc::unbounded_channel();
        let started = Instant::now();
        let mut instance = Instance::start(bootstrap, &SETTINGS).await?;
        let pid = instance.pid().unwrap_or_default();
        let mut serving = pin!(instance.serve(tickets));
        let measured = async {
            let ticket = given.recv().await.ok_or(MeasureError::NoAnswer)?;
            starts.push(started.elapsed());
            resident.push(resident_bytes(pid));
            if left == 0 {
                let events = events(ticket, &mut given).await?;
                warm = Some((median(events), resident_bytes(pid)));
            }
            Ok::<(), MeasureError>(())
        };
        tokio::select! {
            ended = &mut serving => return Err(MeasureError::Ended(ended)),
            measured = measured => measured?,
        }
    }
    let (event, resident_warm) = warm.unwrap_or_default();
    let figures = json!({
        "starts": starts.len(),
        "exec_to_next_ms": millis(median(starts)),
        "rss_bytes": median(resident),
        "warm_event_ms": millis(event),
        "rss_warm_bytes": resident_warm,
    });
    println!("{figures}");
    Ok(())
}

/// How long each event took, from being handed over to the end of its answer.
async fn events(mut ticket: Ticket, given: &mut UnboundedReceiver<Ticket>) -> Result<Vec<Duration>, MeasureError> {
    let (head, ()) = Request::get("/healthz").header("host", "127.0.0.1").body(()).unwrap_or_default().into_parts();
    let event = event::of(&head, b"", "measure");
    let mut took = Vec::with_capacity(EVENTS);
    for n in 0..EVENTS {
        took.push(one_event(ticket, n, event.clone()).await?);
        ticket = given.recv().await.ok_or(MeasureError::NoAnswer)?;
    }
    Ok(took)
}

async fn one_event(ticket: Ticket, n: usize, event: Bytes) -> Result<Duration, MeasureError> {
    let (answer, answered) = oneshot::channel();
    let sent = Instant::now();
    ticket.send(Invocation { id: format!("measure-{n}"), event, answer }).map_err(|_| MeasureError::NoAnswer)?;
    let mut answer = answered.await.map_err(|_| MeasureError::NoAnswer)?;
    while answer.body.recv().await.is_some() {}
    Ok(sent.elapsed())
}

fn median<T: Ord + Copy + Default>(mut figures: Vec<T>) -> T {
    figures.sort_unstable();
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// What a process holds in memory, its binary's pages in use included.
fn resident_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}
