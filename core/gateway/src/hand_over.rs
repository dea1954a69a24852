//! A request that needs an instance which outlives its answer. Says where it has to go; the platform takes it there.

use bytes::Bytes;
use http::Request;

/// Stands among the extensions of a response that is not to be sent: the platform sends `request` to the place called `name`, where a
/// gateway runs whose background work lasts ([`toolgate_ports::Background::lasts`]), and gives its answer to the client.
/// Only a platform whose background work does not last ever meets it.
#[derive(Debug, Clone)]
pub struct HandOver {
    /// Unguessable; a new one for each exchange.
    pub name: String,
    /// The client's request, as it came.
    pub request: Request<Bytes>,
}
