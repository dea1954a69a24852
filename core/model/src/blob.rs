//! What derived data is called in the store. It belongs to a server and goes with it.

use crate::{ItemKind, ServerId};

/// A server's catalogue of one kind.
#[must_use]
pub fn catalogue_blob(server: &ServerId, kind: ItemKind) -> String {
    match kind {
        ItemKind::Tool => format!("catalogue/{server}"),
        ItemKind::Prompt => format!("catalogue/{server}/prompts"),
        ItemKind::Resource => format!("catalogue/{server}/resources"),
        ItemKind::Template => format!("catalogue/{server}/templates"),
    }
}

/// What was last said of a server's health.
#[must_use]
pub fn health_blob(server: &ServerId) -> String {
    format!("health/{server}")
}

/// All that a server has.
pub fn blobs_of(server: &ServerId) -> impl Iterator<Item = String> {
    ItemKind::ALL.into_iter().map(|kind| catalogue_blob(server, kind)).chain([health_blob(server)])
}
