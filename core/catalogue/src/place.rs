//! Where a client asks.

use toolgate_model::ServerId;
use toolgate_state::{Server, View};

/// An endpoint. Whoever asks through a view is a principal that asks through it.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// Everything the principal may use, as `server__name`.
    All,
    /// One server, under its own names.
    Server(&'a ServerId),
    /// A view.
    View(&'a View),
}

impl Place<'_> {
    /// Whether `server` is behind this endpoint.
    pub(crate) fn holds(self, server: &Server) -> bool {
        match self {
            Self::All => true,
            Self::Server(of) => *of == server.id,
            Self::View(view) => view.record.servers.contains_key(&server.id),
        }
    }

    /// The endpoint's part of a cache's key.
    pub(crate) fn key(self) -> PlaceKey {
        match self {
            Self::All => PlaceKey::All,
            Self::Server(server) => PlaceKey::Server(server.clone()),
            Self::View(view) => PlaceKey::View(view.id.clone(), view.revision),
        }
    }
}

/// A [`Place`] that can be kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PlaceKey {
    All,
    Server(ServerId),
    View(toolgate_model::ViewId, toolgate_model::Revision),
}
