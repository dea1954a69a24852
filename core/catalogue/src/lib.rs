//! What the upstreams offer: fetched, cached, stored, named, and put together into one list.
//!
//! [`Catalogues`] holds one [`Catalogue`] per server and kind of item, as fresh as the upstream's `ttlMs` asks. [`Aggregate`] makes of
//! them the lists a principal sees at a [`Place`] and finds what a request names; whether a principal may see or call something is asked of
//! `toolgate_policy` and decided nowhere here. This crate must never know HTTP or a client's protocol era.

mod aggregate;
mod arguments;
mod catalogue;
mod catalogues;
mod description;
mod listing;
mod locate;
mod names;
mod param_header;
mod place;
mod route;
mod shelf;
mod stored;
mod template;
mod uris;
mod view_names;

pub use aggregate::{Aggregate, Offered, Outputs, Unavailable};
pub use arguments::{ArgumentEdits, HiddenArgument};
pub use catalogue::{Catalogue, Listed};
pub use catalogues::{Catalogues, Failure, Offer};
pub use listing::{BadCursor, Listing, PageOf};
pub use locate::{Located, Resource};
pub use names::{MAX_EXPOSED, SEPARATOR, expose};
pub use param_header::ParamHeader;
pub use place::Place;
pub use route::{Route, Routed};
pub use shelf::Shelf;
pub use template::matches as template_matches;
pub use uris::{UriMap, taken_apart};
