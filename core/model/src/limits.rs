//! Bounds on everything that comes from outside, in one place. What each bound guards is said beside it.

use std::time::Duration;

/// The bounds a gateway works within. [`Limits::default`] is what every target starts with.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The most that a request's headers may hold, names and values together, in bytes. More: 431.
    pub request_headers: usize,
    /// The longest body a client may send to an MCP endpoint, in bytes. Longer: 413.
    pub request_body: usize,
    /// The longest body an operator may send to the admin API, in bytes. Longer: 413.
    pub admin_body: usize,
    /// How deep JSON from outside may nest, in levels. Deeper: 400.
    pub json_depth: usize,
    /// The most messages one JSON-RPC batch may hold (protocol revision 2025-03-26 only).
    pub batch: usize,
    /// The longest answer read from an upstream, in bytes, JSON or SSE taken together.
    pub upstream_body: usize,
    /// The longest single SSE event read from an upstream, in bytes.
    pub upstream_event: usize,
    /// How long an upstream may take to begin its answer.
    pub upstream_first_byte: Duration,
    /// How long an upstream may be silent within an answer.
    pub upstream_idle: Duration,
    /// How long a call may take altogether.
    pub upstream_total: Duration,
    /// How long a catalogue (tools/list of one server, all pages) may take to be fetched.
    pub catalogue_total: Duration,
    /// The most pages followed in one upstream list.
    pub catalogue_pages: usize,
    /// The most tools taken from one upstream.
    pub catalogue_tools: usize,
    /// The most servers asked at the same time for one client request (a Worker has six connections per request).
    pub fan_out: usize,
    /// The most tools in one page of a list the gateway gives.
    pub page_tools: usize,
    /// How long a catalogue without a `ttlMs` counts as fresh.
    pub catalogue_ttl: Duration,
    /// How long a catalogue whose server is down is still listed, marked as stale.
    pub catalogue_grace: Duration,
    /// How old what an instance knows of a tenant may be: the bound on how long a revoked key works.
    pub staleness: Duration,
    /// How long a sealed session handle is valid.
    pub session: Duration,
    /// How long a stream that only listens may last; its client opens the next one.
    pub listen: Duration,
    /// How long the stream of a legacy session may last. Zero: there is none.
    pub session_stream: Duration,
    /// How long an exchange waits for a person or a model to answer what a server asks in the middle of a call.
    pub input: Duration,
    /// How long what a call reserved of a limit stays reserved, if nobody says what became of the call: longer than a call can take. Then it
    /// counts as spent.
    pub reservation: Duration,
    /// How long an instance may spend from a slice of a limit that it took in advance. What an instance that ends in the meantime held counts as spent.
    pub lease: Duration,
    /// How long an instance keeps what it does not use of a slice, and what can wait to be told, before it goes to the ledger in the background.
    /// Zero: not in the background at all, but with the next call (where background work holds up the next request).
    pub lease_linger: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_headers: 32 << 10,
            request_body: 4 << 20,
            admin_body: 256 << 10,
            json_depth: 128,
            batch: 32,
            upstream_body: 16 << 20,
            upstream_event: 8 << 20,
            upstream_first_byte: Duration::from_secs(60),
            upstream_idle: Duration::from_secs(120),
            upstream_total: Duration::from_secs(600),
            catalogue_total: Duration::from_secs(10),
            catalogue_pages: 200,
            catalogue_tools: 5_000,
            fan_out: 6,
            page_tools: 1_000,
            catalogue_ttl: Duration::from_secs(30),
            catalogue_grace: Duration::from_secs(2 * 3600),
            staleness: Duration::from_secs(10),
            session: Duration::from_secs(24 * 3600),
            listen: Duration::from_secs(1800),
            session_stream: Duration::from_secs(1800),
            input: Duration::from_secs(300),
            reservation: Duration::from_secs(900),
            lease: Duration::from_secs(30),
            lease_linger: Duration::from_secs(2),
        }
    }
}
