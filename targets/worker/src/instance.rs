//! The gateway of this isolate: made at the first request, because nothing heavy belongs in a Worker's start-up, and kept.

use std::{cell::RefCell, rc::Rc};

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{HeaderValue, StatusCode, header};
use toolgate_gateway::{Config, Gateway, HandOver};
use toolgate_ports::{Background, Body, Scope};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Request, Response};
use worker::Env;

use crate::{call, gone::ClientGone, log, message, platform::WorkerPlatform};

/// Where `TOOLGATE_ALLOWED_HOSTS` is unset, only a developer's own machine is answered.
const DEFAULT_HOSTS: &str = "localhost,127.0.0.1,[::1]";
/// What nobody reads: the client closed the request.
const CLIENT_GONE: u16 = 499;

struct Instance {
    gateway: Gateway<WorkerPlatform>,
}

thread_local! {
    static INSTANCE: RefCell<Option<Rc<Instance>>> = const { RefCell::new(None) };
}

/// Answers one request. What it leaves to be done goes to `background`.
///
/// # Errors
/// If the Workers API refuses to make the answer's parts.
pub(crate) async fn answer(request: &Request, env: &Env, background: Rc<dyn Background>) -> Result<Response, JsValue> {
    let instance = match instance(env) {
        Ok(instance) => instance,
        Err(problem) => return message::to_js(problem_answer(StatusCode::SERVICE_UNAVAILABLE, &problem)),
    };
    let gone = ClientGone::of(&request.signal());
    let request = match message::from_js(request) {
        Ok(request) => request,
        Err(problem) => return message::to_js(problem_answer(StatusCode::BAD_REQUEST, &problem)),
    };
    let scope = Scope { background };
    let answer = std::pin::pin!(instance.gateway.handle(request, &scope));
    let Either::Left((mut response, _)) = select(answer, gone).await else {
        return message::to_js(problem_answer(
            StatusCode::from_u16(CLIENT_GONE).unwrap_or_default(),
            "The client is gone.",
        ));
    };
    if let Some(over) = response.extensions_mut().remove::<HandOver>() {
        return call::hand_over(over, env).await;
    }
    message::to_js(response)
}

fn instance(env: &Env) -> Result<Rc<Instance>, String> {
    if let Some(instance) = INSTANCE.with_borrow(Clone::clone) {
        return Ok(instance);
    }
    let instance = Rc::new(make(env)?);
    INSTANCE.set(Some(Rc::clone(&instance)));
    Ok(instance)
}

fn make(env: &Env) -> Result<Instance, String> {
    log::init();
    let config = Config::from_vars(|name| variable(env, name), DEFAULT_HOSTS).map_err(|error| {
        format!(
            "{error}. Set it with `wrangler secret put` (secrets) or under [vars] in wrangler.toml, then deploy again."
        )
    })?;
    let platform = Rc::new(
        WorkerPlatform::new(env)
            .map_err(|error| format!("A binding of wrangler.toml is missing or is not what it should be: {error}"))?,
    );
    Ok(Instance { gateway: Gateway::new(platform, config) })
}

/// A variable or a secret: both are strings in the environment.
fn variable(env: &Env, name: &str) -> Option<String> {
    js_sys::Reflect::get(env.unchecked_ref(), &name.into()).ok()?.as_string()
}

fn problem_answer(status: StatusCode, detail: &str) -> http::Response<Body> {
    let title = status.canonical_reason().unwrap_or_default();
    let problem =
        serde_json::json!({"type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail});
    let mut response = http::Response::new(Body::Full(Bytes::from(problem.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}
