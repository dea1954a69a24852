//! The object that serves one request which has to outlive its answer: a call that its server interrupts with a question is
//! held open here, while the client fetches the answer. The same gateway runs in it; only its background work lasts.

#![allow(missing_docs, missing_debug_implementations, reason = "what the durable_object macro adds has neither")]

use std::rc::Rc;

use js_sys::Uint8Array;
use toolgate_gateway::HandOver;
use toolgate_ports::{Background, LocalFuture};
use wasm_bindgen::JsValue;
use web_sys::{RequestInit, Response};
use worker::{DurableObject, Env, Request, State, durable_object};

use crate::{instance, message};

/// The binding's name in wrangler.toml.
pub(crate) const CALLS_BINDING: &str = "TOOLGATE_CALLS";

/// One request, for as long as it takes.
#[durable_object(fetch)]
pub struct CallObject {
    env: Env,
}

impl DurableObject for CallObject {
    fn new(_state: State, env: Env) -> Self {
        Self { env }
    }

    async fn fetch(&self, request: Request) -> worker::Result<worker::Response> {
        let request = web_sys::Request::try_from(request)?;
        Ok(instance::answer(&request, &self.env, Rc::new(Lasting)).await?.into())
    }
}

/// Work in an object, which lives as long as anything in it waits for I/O.
struct Lasting;

impl Background for Lasting {
    fn spawn(&self, task: LocalFuture<()>) {
        wasm_bindgen_futures::spawn_local(task);
    }

    fn lasts(&self) -> bool {
        true
    }
}

/// Takes a request to its object, and gives the object's answer.
///
/// # Errors
/// If there is no such binding, or the object does not answer.
pub(crate) async fn hand_over(over: HandOver, env: &Env) -> Result<Response, JsValue> {
    let HandOver { name, request } = over;
    let (head, body) = request.into_parts();
    let init = RequestInit::new();
    init.set_method(head.method.as_str());
    init.set_headers_headers(&message::headers_to_js(&head.headers)?);
    init.set_body_opt_u8_array(Some(&Uint8Array::from(&body[..])));
    let request = web_sys::Request::new_with_str_and_init(&head.uri.to_string(), &init)?;
    let object = env.durable_object(CALLS_BINDING)?.get_by_name(&name)?;
    Ok(object.fetch_with_request(request.into()).await?.into())
}
