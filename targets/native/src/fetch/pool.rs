//! Kept connections of one thread, apart for each network class: a connection made for a server that may be on loopback is
//! never used for one that may not.

use std::{
    cell::RefCell,
    collections::HashMap,
    fmt,
    hash::{Hash, Hasher},
    rc::{Rc, Weak},
    time::Duration,
};

use bytes::Bytes;
use http::uri::{Authority, Scheme};
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use tokio::time::Instant;
use toolgate_model::Network;
use toolgate_ports::{FetchError, FetchErrorKind, FetchRequest};

/// How many idle connections are kept to one place.
const IDLE_PER_PLACE: usize = 64;
/// How many places are remembered; beyond, no connection is kept.
const PLACES: usize = 1_024;
/// How often idle connections are looked at.
const SWEEP: Duration = Duration::from_secs(5);

/// The sending half of a connection.
pub(super) type Sender = SendRequest<Full<Bytes>>;

/// Where a connection leads, and under which rule it was made.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) network: Network,
    pub(super) tls: Tls,
    authority: Authority,
}

/// Whether a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Tls {
    Yes,
    No,
}

// By the authority's text as it is: a host that is spelt in two ways is two places, and a place is found in a fraction of the time.
impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        (self.network, self.tls, self.authority()) == (other.network, other.tls, other.authority())
    }
}

impl Eq for Place {}

impl Hash for Place {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.network, self.tls, self.authority()).hash(state);
    }
}

impl Place {
    pub(super) fn of(request: &FetchRequest) -> Result<Self, FetchError> {
        let refused = |why: &str| FetchError::new(FetchErrorKind::Connect, format!("the server's URL {why}"));
        let authority = request.uri.authority().ok_or_else(|| refused("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(refused("holds a user name: set a header instead"));
        }
        let tls = match request.uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => Tls::Yes,
            Some(scheme) if *scheme == Scheme::HTTP => Tls::No,
            _ => return Err(refused("is neither http nor https")),
        };
        Ok(Self { network: request.network, tls, authority: authority.clone() })
    }

    pub(super) fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// The host, without the brackets of an IPv6 address.
    pub(super) fn host(&self) -> &str {
        let host = self.authority.host();
        host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host)
    }

    pub(super) fn port(&self) -> u16 {
        let default = if self.tls == Tls::Yes { 443 } else { 80 };
        self.authority.port_u16().unwrap_or(default)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.authority())
    }
}

struct Idle {
    sender: Sender,
    until: Instant,
}

impl Idle {
    fn is_usable(&self, now: Instant) -> bool {
        self.until > now && !self.sender.is_closed()
    }
}

#[derive(Default)]
struct Places {
    idle: HashMap<Place, Vec<Idle>>,
    sweeper: Sweeper,
}

#[derive(Default, PartialEq, Eq)]
enum Sweeper {
    #[default]
    Asleep,
    Awake,
}

impl Places {
    fn sweep(&mut self) -> &Sweeper {
        let now = Instant::now();
        self.idle.retain(|_, kept| {
            kept.retain(|idle| idle.is_usable(now));
            !kept.is_empty()
        });
        if self.idle.is_empty() {
            self.sweeper = Sweeper::Asleep;
        }
        &self.sweeper
    }
}

/// The connections that wait for their next request.
#[derive(Clone, Default)]
pub(super) struct Pool(Rc<RefCell<Places>>);

impl Pool {
    /// The connection to `place` that was used last, if one is ready.
    pub(super) fn take(&self, place: &Place) -> Option<Sender> {
        let mut places = self.0.borrow_mut();
        let kept = places.idle.get_mut(place)?;
        let now = Instant::now();
        while let Some(idle) = kept.pop() {
            // One that isn't ready has still something to write that nobody waits for: not worth waiting either.
            if idle.is_usable(now) && idle.sender.is_ready() {
                return Some(idle.sender);
            }
        }
        None
    }

    /// Keeps a connection for `idle_for`.
    pub(super) fn put(&self, place: Place, sender: Sender, idle_for: Duration) {
        if sender.is_closed() || idle_for.is_zero() {
            return;
        }
        let mut places = self.0.borrow_mut();
        if places.idle.len() >= PLACES && !places.idle.contains_key(&place) {
            return;
        }
        let kept = places.idle.entry(place).or_default();
        if kept.len() < IDLE_PER_PLACE {
            kept.push(Idle { sender, until: Instant::now() + idle_for });
        }
        if places.sweeper == Sweeper::Asleep {
            places.sweeper = Sweeper::Awake;
            tokio::task::spawn_local(sweep(Rc::downgrade(&self.0)));
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({} places)", self.0.borrow().idle.len())
    }
}

async fn sweep(places: Weak<RefCell<Places>>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(places) = places.upgrade() else { return };
        if *places.borrow_mut().sweep() == Sweeper::Asleep {
            return;
        }
    }
}
