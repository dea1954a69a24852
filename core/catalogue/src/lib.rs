//! What the upstreams offer, cached, named and put together into one list.
