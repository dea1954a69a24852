//! The calls that a program makes: each goes the way of a client's call, with the same decisions, limits, charges and log line. It has no
//! client of its own to stream to or to ask.

use std::{borrow::Cow, cell::RefCell, rc::Rc};

use bytes::Bytes;
use http::{HeaderValue, Response, request::Parts};
use sha2::{Digest, Sha256};
use toolgate_catalogue::Shelf;
use toolgate_model::{Decided, WaitingCall};
use toolgate_ports::{Body, Platform, collect};
use toolgate_sandbox::{Call, CallResult, Dispatch, Dispatched};
use toolgate_wire::{Era, Message, Span, splice};

use crate::{
    approval::{Approval, not_approved},
    charge::IDEMPOTENCY_KEY,
    context::{Accepts, Context},
    core::Core,
    forward::Forwarded,
    session::hex,
};

/// What a call knows of the program that makes it.
pub(crate) struct Nested {
    /// What was decided about it, if it had to be.
    decided: Option<(WaitingCall, Decided)>,
    /// It turned out to need an approval.
    waits: RefCell<Option<WaitingCall>>,
}

impl Nested {
    /// Whether `call`, which needs an approval, has it.
    ///
    /// # Errors
    /// The answer, if it has none: it was denied, or its program has to wait.
    pub(crate) fn approved<P: Platform>(
        &self,
        context: &Context<P>,
        id: &str,
        call: WaitingCall,
    ) -> Result<Approval, Box<Response<Body>>> {
        context.line.rule(call.rule.as_str());
        match &self.decided {
            Some((about, decided)) if about.is(&call) && decided.approved => Ok(Approval::Given(None)),
            Some((about, decided)) if about.is(&call) => {
                Err(Box::new(not_approved(context, id, &decided.denial(), None)))
            }
            _ => {
                *self.waits.borrow_mut() = Some(call);
                Err(Box::new(not_approved(context, id, "It waits for an approval.", None)))
            }
        }
    }
}

/// Makes the calls of one program.
pub(super) struct Calls<P: Platform> {
    pub(super) core: Rc<Core<P>>,
    /// Of the request whose program it is.
    pub(super) context: Rc<Context<P>>,
    pub(super) shelf: Shelf,
    /// What the client calls the request and its repetitions.
    pub(super) idempotency: Option<String>,
    /// What was decided about the calls that the program had to wait for.
    pub(super) decided: Option<(Vec<WaitingCall>, Decided)>,
    /// The calls that it has to wait for.
    pub(super) waits: RefCell<Vec<WaitingCall>>,
}

impl<P: Platform> Dispatch for Calls<P> {
    async fn call(&self, call: &Call) -> Dispatched {
        let Some(name) = self.shelf.called(&call.server, &call.tool) else {
            return Dispatched::Ended(CallResult::Error(format!("there is no tool {}", call.name)));
        };
        let body = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"tools/call\",\"params\":{{\"name\":{},\"arguments\":{}}}}}",
            call.number,
            splice::quote(name),
            call.arguments.get()
        );
        let Ok(message) = Message::parse(body.as_bytes(), self.core.config.limits.json_depth) else {
            return Dispatched::Ended(CallResult::Error("the arguments are nested too deep".to_owned()));
        };
        let nested = Rc::new(Nested { decided: self.decided_about(call.number), waits: RefCell::default() });
        let context = self.context(call, &nested);
        let line = Rc::clone(&context.line);
        let response = self.core.forward(context, &message, Forwarded::Tool).await;
        line.answered(response.status());
        if let Some(waits) = nested.waits.take() {
            self.waits.borrow_mut().push(WaitingCall { number: Some(call.number), ..waits });
            return Dispatched::Pause;
        }
        Dispatched::Ended(match collect(response.into_body(), self.core.config.limits.upstream_body).await {
            Ok(body) => {
                let result = result_of(&body);
                self.core.observations.note(&self.context, call, &result);
                result
            }
            Err(error) => CallResult::Error(error.to_string()),
        })
    }
}

impl<P: Platform> Calls<P> {
    fn decided_about(&self, number: u32) -> Option<(WaitingCall, Decided)> {
        let (calls, decided) = self.decided.as_ref()?;
        let call = calls.iter().find(|call| call.number == Some(number))?;
        Some((call.clone(), decided.clone()))
    }

    /// A request of the program's: by the same principal at the same place, and with nobody who could be asked anything.
    fn context(&self, call: &Call, nested: &Rc<Nested>) -> Rc<Context<P>> {
        let outer = &self.context;
        let line = outer.line.child(&self.core.request_ids);
        line.method("code", "tools/call");
        Rc::new(Context {
            identity: outer.identity.clone(),
            place: outer.place.clone(),
            era: Era::Legacy,
            accepts: Accepts::Json,
            session: None,
            capabilities: None,
            log_level: None,
            origin: outer.origin.clone(),
            head: self.head(call),
            body: Bytes::new(),
            scope: outer.scope.clone(),
            line,
            nested: Some(Rc::clone(nested)),
        })
    }

    /// A head without anything of the client's, but what makes a repeated call of a repeated program charge once.
    fn head(&self, call: &Call) -> Parts {
        let mut head = http::Request::new(()).into_parts().0;
        if let Some(key) = &self.idempotency {
            let digest = Sha256::digest(format!("{}:{key}:{}", key.len(), call.number));
            if let Ok(value) = HeaderValue::from_str(&hex(&digest)) {
                head.headers.insert(IDEMPOTENCY_KEY, value);
            }
        }
        head
    }
}

/// What a program gets of a JSON-RPC response: structured content, else text, else the content as it is; an error as an error.
fn result_of(response: &[u8]) -> CallResult {
    let text = String::from_utf8_lossy(response);
    if let Some(error) = splice::value(&text, "error") {
        let message = splice::value(error, "message").and_then(splice::string);
        return CallResult::Error(message.map_or_else(|| error.to_owned(), Cow::into_owned));
    }
    let result = splice::value(&text, "result").unwrap_or("null");
    let structured = splice::value(result, "structuredContent").filter(|structured| *structured != "null");
    let content = splice::value(result, "content");
    let texts = content.and_then(all_text);
    if splice::value(result, "isError") == Some("true") {
        let said = texts.filter(|texts| !texts.is_empty()).or_else(|| structured.or(content).map(str::to_owned));
        return CallResult::Error(said.unwrap_or_else(|| "the tool failed and did not say why".to_owned()));
    }
    match (structured, texts) {
        (Some(structured), _) => CallResult::Json(Bytes::copy_from_slice(structured.as_bytes())),
        (None, Some(texts)) => CallResult::Text(texts),
        (None, None) => CallResult::Json(Bytes::copy_from_slice(content.unwrap_or(result).as_bytes())),
    }
}

/// The text of content that is nothing but text.
fn all_text(content: &str) -> Option<String> {
    let text = |span: Span| {
        let block = &content[span];
        let is_text = splice::value(block, "type") == Some("\"text\"");
        splice::value(block, "text").filter(|_| is_text).and_then(splice::string)
    };
    let texts: Option<Vec<_>> = splice::elements(content).map(text).collect();
    texts.map(|texts| texts.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(result: &str) -> CallResult {
        result_of(format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{result}}}").as_bytes())
    }

    #[test]
    fn a_program_gets_structured_content_else_text_else_the_content() {
        assert_eq!(
            of(r#"{"content":[{"type":"text","text":"a"}],"structuredContent":{"n":1e3}}"#),
            CallResult::Json(r#"{"n":1e3}"#.into())
        );
        let texts = r#"{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#;
        assert_eq!(of(texts), CallResult::Text("a\nb".into()));
        let image = r#"[{"type":"text","text":"a"},{"type":"image","data":"","mimeType":"image/png"}]"#;
        assert_eq!(of(&format!("{{\"content\":{image}}}")), CallResult::Json(image.into()));
        assert_eq!(of(r#"{"content":[]}"#), CallResult::Text(String::new()));
        assert_eq!(of(r#"{"task":{"taskId":"1"}}"#), CallResult::Json(r#"{"task":{"taskId":"1"}}"#.into()));
    }

    #[test]
    fn a_tools_error_and_the_protocols_are_errors() {
        assert_eq!(of(r#"{"isError":true,"content":[{"type":"text","text":"no"}]}"#), CallResult::Error("no".into()));
        assert!(matches!(of(r#"{"isError":true,"content":[]}"#), CallResult::Error(said) if !said.is_empty()));
        let error = br#"{"jsonrpc":"2.0","id":1,"error":{"code":-31429,"message":"Nothing is left."}}"#;
        assert_eq!(result_of(error), CallResult::Error("Nothing is left.".into()));
    }
}
