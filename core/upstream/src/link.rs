//! HTTP+SSE, the transport of 2024-11-05: what is sent goes to an address that the server names on a stream, and what it
//! answers comes on that stream. A link is opened for one request, greets the server and asks: nothing is kept between requests,
//! since the server forgets a session with its stream.

use http::{Method, Uri};
use toolgate_ports::Platform;

use crate::{
    Answer, Endpoint, Item, SessionRef, UpstreamError, UpstreamErrorKind as Kind, Verdict,
    answer::{Events, Resume, Within},
    endpoint::Transport,
    exchange::{Exchange, Id},
    header::{Head, MediaType},
    redirect::same_origin,
    request,
};

/// An open stream, and where to post.
pub(crate) struct Link<P: Platform> {
    events: Events<P>,
    post: Uri,
}

impl<P: Platform> Link<P> {
    /// Opens the stream and learns where to post.
    pub(crate) async fn open(exchange: Exchange<P>, endpoint: &Endpoint) -> Result<Self, UpstreamError> {
        let uri = endpoint.uri.clone();
        let response = exchange.send_to(endpoint, uri, Method::GET, Head::default(), bytes::Bytes::new()).await?;
        let media_type = MediaType::of(&response.headers);
        if !response.status.is_success() || media_type != MediaType::Events {
            return Err(exchange.status(response.status, &media_type));
        }
        let mut events = Events::new(exchange, response.status, response.body);
        let named = events.named("endpoint").await?;
        let post = same_origin(&endpoint.uri, named.trim(), endpoint.network).ok_or_else(|| {
            events.exchange.error(Kind::Redirect, "the address it wants to be posted to is not of its own origin")
        })?;
        Ok(Self { events, post })
    }

    /// Greets the server, declaring `capabilities`.
    pub(crate) async fn greet(&mut self, endpoint: &Endpoint, capabilities: &str) -> Result<Verdict, UpstreamError> {
        let body = request::initialize(&self.events.exchange.id, capabilities);
        self.send(endpoint, body).await?;
        let reply = loop {
            match self.events.next().await? {
                Some(event) => {
                    if let Some(Item::Reply(reply)) = event.item {
                        break reply;
                    }
                }
                None => return Err(self.events.exchange.error(Kind::Closed, "its stream ended without a response")),
            }
        };
        let verdict = self.events.exchange.initialized_as(&reply)?;
        self.send(endpoint, request::INITIALIZED.to_owned()).await?;
        Ok(Verdict { transport: Transport::HttpSse, ..verdict })
    }

    /// Asks, and reads the answer from the stream.
    pub(crate) async fn ask(
        mut self,
        endpoint: &Endpoint,
        id: Id,
        body: String,
        verdict: &Verdict,
    ) -> Result<Answer, UpstreamError> {
        self.events.exchange.id = id;
        self.send(endpoint, body).await?;
        let version = verdict.version.as_str().to_owned();
        let session = SessionRef { id: None, version, post: Some(self.post.to_string()) };
        self.events.answer(Within { session: Some(session), resume: Resume::Never }).await
    }

    async fn send(&self, endpoint: &Endpoint, body: String) -> Result<(), UpstreamError> {
        self.events.exchange.post(endpoint, self.post.clone(), Head::default(), body.into()).await
    }
}

#[cfg(test)]
mod tests {
    use toolgate_model::Network;

    use super::*;

    #[test]
    fn where_to_post_stays_with_the_server() {
        let base = Uri::from_static("https://mcp.example.com/sse?x=1");
        for (named, uri) in [
            ("/messages/?session_id=1", Some("https://mcp.example.com/messages/?session_id=1")),
            ("messages", Some("https://mcp.example.com/messages")),
            ("https://mcp.example.com/m", Some("https://mcp.example.com/m")),
            ("http://mcp.example.com/m", None),
            ("https://mcp.example.com:8443/m", None),
            ("//169.254.169.254/m", None),
            ("https://user@evil.example/m", None),
        ] {
            assert_eq!(
                same_origin(&base, named, Network::Public).map(|uri| uri.to_string()).as_deref(),
                uri,
                "{named}"
            );
        }
    }
}
