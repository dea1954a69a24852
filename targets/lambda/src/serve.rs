//! The loop: one event, one answer, what follows it, and only then the next event.

use std::{panic::AssertUnwindSafe, rc::Rc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use lambda_http::lambda_runtime::{Error, LambdaEvent, LambdaInvocation, Runtime, service_fn, tower::layer::layer_fn};
use serde_json::Value;
use toolgate_gateway::Gateway;
use toolgate_ports::{Body, Platform, Scope};

use crate::{
    event,
    responder::{Invocation, Responder},
    tasks::Tasks,
};

/// How long background work may hold up the next event.
const SETTLE: Duration = Duration::from_secs(2);
/// How long exchanges may hold it up that wait for a client's answer. The function's timeout (template.yaml) is longer.
const HELD: Duration = Duration::from_secs(840);

/// What an instance keeps from event to event.
struct Instance<P: Platform> {
    gateway: Rc<Gateway<P>>,
    responder: Responder,
    tasks: Rc<Tasks>,
}

/// Serves events until the Runtime API is gone.
pub(crate) async fn serve<P: Platform>(gateway: Rc<Gateway<P>>) -> Result<(), Error> {
    let instance = Rc::new(Instance { gateway, responder: Responder::new(), tasks: Rc::default() });
    let service = service_fn(move |invocation| instance.clone().invoke(invocation));
    // The layer takes the place of everything the runtime would do with an event: its handler is never called.
    let unused = service_fn(|_: LambdaEvent<Value>| async { Ok::<(), Error>(()) });
    Runtime::new(unused).layer(layer_fn(move |_| service.clone())).run().await
}

impl<P: Platform> Instance<P> {
    async fn invoke(self: Rc<Self>, invocation: LambdaInvocation) -> Result<(), Error> {
        let of = Invocation::of(&invocation);
        let response = self.answer(&invocation.body).await;
        // A body is drawn while it is sent, so it can panic there too; what was sent until then stands.
        let sent = AssertUnwindSafe(self.responder.send(&of, response)).catch_unwind().await;
        match sent {
            Ok(sent) => sent?,
            Err(_) => tracing::error!("the gateway broke in the middle of an answer"),
        }
        self.tasks.settle(SETTLE, HELD).await;
        Ok(())
    }

    /// Always an answer: what Lambda makes of an error would show the client its type and text.
    async fn answer(&self, event: &[u8]) -> Response<Body> {
        let request = match event::into_request(event) {
            Ok(request) => request,
            Err(error) => {
                tracing::warn!(%error, "an event was refused");
                return problem(StatusCode::BAD_REQUEST, "Bad Request");
            }
        };
        let scope = Scope { background: self.tasks.clone() };
        AssertUnwindSafe(self.gateway.handle(request, &scope)).catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!("the gateway broke on a request; the instance goes on");
            problem(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        })
    }
}

fn problem(status: StatusCode, title: &str) -> Response<Body> {
    let body = format!(r#"{{"type":"about:blank","status":{},"title":"{title}"}}"#, status.as_u16());
    let mut response = Response::new(Body::Full(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}
