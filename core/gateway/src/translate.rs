//! One message from the words of an upstream and its era into those of a client and its era: ids, URIs, tasks, progress tokens, error
//! codes. Everything else stays as it came. Pure: it sends nothing and decides nothing.

use std::{borrow::Cow, collections::VecDeque, ops::Range, rc::Rc};

use bytes::Bytes;
use http::StatusCode;
use toolgate_catalogue::UriMap;
use toolgate_model::{ItemKind, ServerId};
use toolgate_upstream::Reply;
use toolgate_wire::{Era, Message, code as rpc, meta, splice};

use crate::greet::SERVER_INFO;

/// What was asked, as far as its answer is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// A tool's result.
    Tool,
    /// A prompt.
    Prompt,
    /// What a resource holds.
    Resource,
    /// A task, or what became of it.
    Task,
    /// Anything else.
    Other,
}

/// Between whom a message goes, and about what.
#[derive(Clone)]
pub(crate) struct Frame {
    /// The raw id that the client gave its request.
    pub(crate) id: String,
    pub(crate) client: Era,
    pub(crate) upstream: Era,
    pub(crate) about: About,
    pub(crate) server: ServerId,
    pub(crate) uris: Rc<UriMap>,
    /// The URI that was read: the upstream's and the client's.
    pub(crate) uri: Option<(String, String)>,
    /// Our raw progress token and the client's, where ours took its place.
    pub(crate) progress: Option<(String, String)>,
    /// The least severe level of what a modern client wants to be told of a legacy server's log.
    pub(crate) log_level: Option<String>,
    /// The raw answers that a modern client gave with a call that it makes anew.
    pub(crate) given: Option<Rc<str>>,
}

/// What a reply asks for before it can be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The questions by their names: raw objects with `method` and `params`.
    pub(crate) requests: Vec<(String, String)>,
    /// The raw state to give back.
    pub(crate) state: Option<String>,
}

/// What a notification is to this client.
pub(crate) enum Notice {
    /// It goes on, like this.
    Pass(Bytes),
    /// A list changed, of these kinds; it goes on to a client that may be told so.
    Changed(&'static [ItemKind]),
    /// Nothing.
    Drop,
}

const INPUT_REQUIRED: &str = "\"input_required\"";
const PRIVATE: &str = "\"private\"";

/// What `reply` still needs, if that is what it says.
pub(crate) fn needs(reply: &Reply) -> Option<Needs> {
    let result = text(reply, reply.result.as_ref()?);
    if splice::value(result, "resultType") != Some(INPUT_REQUIRED) {
        return None;
    }
    let asked = splice::value(result, "inputRequests").unwrap_or("{}");
    let requests = splice::members(asked).map(|member| (member.name.into_owned(), asked[member.value_span].to_owned()));
    Some(Needs { requests: requests.collect(), state: splice::value(result, "requestState").map(str::to_owned) })
}

/// The URL elicitations that a legacy error (-32042) asks for, as a modern result's questions.
pub(crate) fn url_elicitations(reply: &Reply) -> Option<Vec<(String, String)>> {
    let error = text(reply, reply.error.as_ref()?);
    if code_of(error) != Some(rpc::LEGACY_URL_ELICITATION_REQUIRED) {
        return None;
    }
    let asked = splice::value(splice::value(error, "data")?, "elicitations")?;
    let question = |(number, span): (usize, Range<usize>)| {
        let params = without_elicitation_id(&asked[span]);
        (format!("elicitation-{}", number + 1), format!("{{\"method\":\"elicitation/create\",\"params\":{params}}}"))
    };
    let questions: Vec<_> = splice::elements(asked).take(16).enumerate().map(question).collect();
    (!questions.is_empty()).then_some(questions)
}

/// The raw params of an elicitation without what only the legacy era knows it by.
pub(crate) fn without_elicitation_id(params: &str) -> String {
    splice::Edit::new(params).remove_member(0..params.len(), "elicitationId").finish()
}

/// The JSON-RPC error's code.
fn code_of(error: &str) -> Option<i64> {
    splice::value(error, "code")?.parse().ok()
}

fn text<'a>(reply: &'a Reply, span: &Range<usize>) -> &'a str {
    std::str::from_utf8(&reply.message[span.clone()]).unwrap_or("{}")
}

impl Frame {
    /// The status that a reply goes out with. A modern server says with it what kind of error it is; a legacy client expects all
    /// under 200.
    pub(crate) fn status(&self, reply: &Reply) -> StatusCode {
        let Some(error) = reply.error.as_ref().filter(|_| self.client == Era::Modern) else { return StatusCode::OK };
        match self.upstream {
            // The others say something of the server, and a client would take it for a word about the gateway.
            Era::Modern if matches!(reply.status, StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND) => reply.status,
            Era::Modern => StatusCode::OK,
            Era::Legacy => match code_of(text(reply, error)) {
                Some(rpc::METHOD_NOT_FOUND) => StatusCode::NOT_FOUND,
                Some(rpc::MISSING_CLIENT_CAPABILITY | rpc::LEGACY_URL_ELICITATION_REQUIRED) => StatusCode::BAD_REQUEST,
                _ => StatusCode::OK,
            },
        }
    }

    /// An upstream's response as this client is to get it. `seal_task` gives a task the id that clients know it by.
    pub(crate) fn reply(&self, reply: &Reply, seal_task: &dyn Fn(&str) -> String) -> VecDeque<Bytes> {
        let mut edits = vec![(reply.id.clone(), Bytes::copy_from_slice(self.id.as_bytes()))];
        if let Some(result) = &reply.result {
            let raw = text(reply, result);
            let mut own = self.result(raw, seal_task);
            for (span, _) in &mut own {
                *span = result.start + span.start..result.start + span.end;
            }
            edits.extend(own);
        }
        if let Some(error) = &reply.error {
            for (span, with) in self.error(text(reply, error)) {
                edits.push((error.start + span.start..error.start + span.end, with));
            }
        }
        spliced(&reply.message, edits)
    }

    fn result(&self, raw: &str, seal_task: &dyn Fn(&str) -> String) -> Vec<(Range<usize>, Bytes)> {
        let mut edits = Vec::new();
        if !raw.starts_with('{') {
            return edits;
        }
        if self.client == Era::Modern {
            edits.extend(self.modern_members(raw));
            edits.extend(self.own_cache(raw));
            if self.upstream == Era::Legacy {
                edits.extend(named_server(raw));
            }
        }
        if self.client == Era::Legacy && self.upstream == Era::Modern {
            edits.extend(without_loose_content(raw));
        }
        if !self.uris.is_identity() || self.uri.is_some() {
            self.uris_of(raw, &mut edits);
        }
        if matches!(self.about, About::Tool | About::Task) {
            for span in task_ids(raw) {
                if let Some(task) = splice::string(&raw[span.clone()]) {
                    edits.push((span, splice::quote(&seal_task(&task)).into()));
                }
            }
        }
        edits
    }

    /// What every modern result says and an older server's does not.
    fn modern_members(&self, raw: &str) -> Option<(Range<usize>, Bytes)> {
        let mut missing: Vec<Cow<'_, str>> = Vec::new();
        if splice::value(raw, "resultType").is_none() {
            missing.push("\"resultType\":\"complete\"".into());
        }
        if self.upstream == Era::Legacy && splice::value(raw, "_meta").is_none() {
            missing.push(format!("\"_meta\":{{{}}}", server_info()).into());
        }
        if self.about == About::Resource && needs_cache(raw) {
            if splice::value(raw, "ttlMs").is_none() {
                missing.push("\"ttlMs\":0".into());
            }
            if splice::value(raw, "cacheScope").is_none() {
                missing.push("\"cacheScope\":\"private\"".into());
            }
        }
        if missing.is_empty() {
            return None;
        }
        Some((1..1, Bytes::from(missing.join(",") + comma_before(raw))))
    }

    /// What a resource holds is for who may read it, whatever its server says: another key may not be allowed to.
    fn own_cache(&self, raw: &str) -> Option<(Range<usize>, Bytes)> {
        let span = splice::member(raw, "cacheScope").filter(|_| self.about == About::Resource)?;
        (raw[span.clone()] != *PRIVATE).then(|| (span, Bytes::from_static(PRIVATE.as_bytes())))
    }

    /// The URIs in a result, each as this client knows it.
    fn uris_of(&self, raw: &str, edits: &mut Vec<(Range<usize>, Bytes)>) {
        let (list, inside): (&str, &[&[&str]]) = match self.about {
            About::Tool | About::Task => ("content", &[&["uri"], &["resource", "uri"]]),
            About::Prompt => ("messages", &[&["content", "uri"], &["content", "resource", "uri"]]),
            About::Resource => ("contents", &[&["uri"]]),
            About::Other => return,
        };
        let Some(array) = splice::member(raw, list) else { return };
        for element in splice::elements(&raw[array.clone()]) {
            let element = array.start + element.start..array.start + element.end;
            for path in inside {
                let Some(span) = member_at(raw, element.clone(), path) else { continue };
                let Some(uri) = splice::string(&raw[span.clone()]) else { continue };
                let exposed = self.exposed(&uri);
                if exposed != uri {
                    edits.push((span, splice::quote(&exposed).into()));
                }
            }
        }
    }

    /// The client's name for an upstream's URI.
    pub(crate) fn exposed(&self, uri: &str) -> String {
        match &self.uri {
            Some((upstream, client)) if upstream == uri => client.clone(),
            _ => self.uris.exposed(&self.server, uri).into_owned(),
        }
    }

    fn error(&self, raw: &str) -> Vec<(Range<usize>, Bytes)> {
        let mut edits = Vec::new();
        let other_code = match (self.client, self.upstream, code_of(raw)) {
            (Era::Modern, Era::Legacy, Some(rpc::LEGACY_RESOURCE_NOT_FOUND)) => Some(rpc::INVALID_PARAMS),
            // A client that could be asked was (`url_elicitations`).
            (Era::Modern, Era::Legacy, Some(rpc::LEGACY_URL_ELICITATION_REQUIRED)) => {
                const NEEDED: &str = r#"{"requiredCapabilities":{"elicitation":{"url":{}}}}"#;
                edits.push(match splice::member(raw, "data") {
                    Some(span) => (span, NEEDED.into()),
                    None => (1..1, format!("\"data\":{NEEDED}{}", comma_before(raw)).into()),
                });
                Some(rpc::MISSING_CLIENT_CAPABILITY)
            }
            // These codes mean nothing in the legacy era.
            (Era::Legacy, Era::Modern, Some(-32099..=rpc::HEADER_MISMATCH)) => Some(rpc::INVALID_REQUEST),
            _ => None,
        };
        if let (Some(code), Some(span)) = (other_code, splice::member(raw, "code")) {
            edits.push((span, code.to_string().into()));
        }
        if let Some(span) = member_at(raw, 0..raw.len(), &["data", "uri"])
            && let Some(uri) = splice::string(&raw[span.clone()])
        {
            let exposed = self.exposed(&uri);
            if exposed != uri {
                edits.push((span, splice::quote(&exposed).into()));
            }
        }
        edits
    }

    /// What a notification on the stream of this request is to this client.
    pub(crate) fn notice(&self, message: &Bytes) -> Notice {
        let Ok(text) = std::str::from_utf8(message) else { return Notice::Drop };
        let method = splice::value(text, "method").and_then(splice::string).unwrap_or_default();
        match &*method {
            "notifications/progress" => self.progress(message, text),
            "notifications/message" if self.client == Era::Modern && self.upstream == Era::Legacy => {
                let level = member_at(text, 0..text.len(), &["params", "level"]).map(|span| &text[span]);
                let wanted = self.log_level.as_deref().map(severity);
                match (wanted, level.map(severity)) {
                    (Some(wanted), Some(said)) if said >= wanted => Notice::Pass(message.clone()),
                    _ => Notice::Drop,
                }
            }
            changed if !is_change(changed).is_empty() => Notice::Changed(is_change(changed)),
            "notifications/resources/updated" => match self.client {
                Era::Legacy => Notice::Pass(self.updated(message, text)),
                Era::Modern => Notice::Drop,
            },
            // The rest of what a legacy server may say is of the legacy era.
            _ if self.client == Era::Modern && self.upstream == Era::Legacy => Notice::Drop,
            _ => Notice::Pass(message.clone()),
        }
    }

    fn progress(&self, message: &Bytes, text: &str) -> Notice {
        let Some((ours, theirs)) = &self.progress else {
            // Without a token of ours in its place, a token in a shared session may be another client's.
            return match (self.client, self.upstream) {
                (Era::Modern, Era::Legacy) => Notice::Drop,
                _ => Notice::Pass(message.clone()),
            };
        };
        match member_at(text, 0..text.len(), &["params", "progressToken"]) {
            Some(span) if text[span.clone()] == **ours => {
                Notice::Pass(splice::Edit::new(text).replace(span, theirs.as_str()).finish().into())
            }
            _ => Notice::Drop,
        }
    }

    /// `notifications/resources/updated` with the client's URI.
    pub(crate) fn updated(&self, message: &Bytes, text: &str) -> Bytes {
        let span = member_at(text, 0..text.len(), &["params", "uri"]);
        let Some((span, uri)) = span.and_then(|span| Some((span.clone(), splice::string(&text[span])?))) else {
            return message.clone();
        };
        let exposed = self.exposed(&uri);
        if exposed == uri {
            return message.clone();
        }
        splice::Edit::new(text).replace(span, splice::quote(&exposed)).finish().into()
    }
}

/// The kinds of items whose lists a notification with this method says have changed.
pub(crate) fn is_change(method: &str) -> &'static [ItemKind] {
    match method {
        "notifications/tools/list_changed" => &[ItemKind::Tool],
        "notifications/prompts/list_changed" => &[ItemKind::Prompt],
        "notifications/resources/list_changed" => &[ItemKind::Resource, ItemKind::Template],
        _ => &[],
    }
}

/// How severe a log level (a raw string) is.
fn severity(raw: &str) -> usize {
    const LEVELS: [&str; 8] = [
        "\"debug\"",
        "\"info\"",
        "\"notice\"",
        "\"warning\"",
        "\"error\"",
        "\"critical\"",
        "\"alert\"",
        "\"emergency\"",
    ];
    LEVELS.iter().position(|level| *level == raw).unwrap_or(LEVELS.len())
}

/// Whether a result has to say how long it may be kept: one that asks for input does not.
fn needs_cache(raw: &str) -> bool {
    matches!(splice::value(raw, "resultType"), None | Some("\"complete\""))
}

/// Who answers, as a member of `_meta`.
fn server_info() -> String {
    format!("\"{}\":{SERVER_INFO}", meta::SERVER_INFO)
}

/// Who answers, where a result's `_meta` does not say it.
fn named_server(raw: &str) -> Option<(Range<usize>, Bytes)> {
    let span = splice::member(raw, "_meta")?;
    let object = &raw[span.clone()];
    let missing = object.starts_with('{') && splice::member(object, meta::SERVER_INFO).is_none();
    let place = span.start + 1..span.start + 1;
    missing.then(|| (place, (server_info() + comma_before(object)).into()))
}

/// What has to stand between a new first member of `object` and its others.
fn comma_before(object: &str) -> &'static str {
    if splice::members(object).next().is_some() { "," } else { "" }
}

/// A legacy client takes only objects as `structuredContent`.
fn without_loose_content(raw: &str) -> Option<(Range<usize>, Bytes)> {
    let member = splice::members(raw).find(|member| member.name == "structuredContent")?;
    (!raw[member.value_span].starts_with('{')).then(|| {
        let edited = splice::Edit::new(raw).remove_member(0..raw.len(), "structuredContent").finish();
        (0..raw.len(), edited.into())
    })
}

/// Where a result names a task of its own: flat in the modern era, within `task` in the legacy one, and as what it is related to.
fn task_ids(raw: &str) -> Vec<Range<usize>> {
    let [flat, task, meta] = splice::find(raw, ["taskId", "task", "_meta"]);
    let task = task.and_then(|task| member_at(raw, task, &["taskId"]));
    let related = meta.and_then(|meta| member_at(raw, meta, &["io.modelcontextprotocol/related-task", "taskId"]));
    [flat, task, related].into_iter().flatten().collect()
}

/// Where the value at `path` stands, from the object at `object` on.
pub(crate) fn member_at(text: &str, object: Range<usize>, path: &[&str]) -> Option<Range<usize>> {
    path.iter().try_fold(object, |object, name| {
        let span = splice::member(text.get(object.clone())?, name)?;
        Some(object.start + span.start..object.start + span.end)
    })
}

/// Up to how many bytes a message is copied: to send it in parts costs as much as that.
const SHORT: usize = 4 << 10;

/// `message` with some of its bytes replaced, without copying the others unless they are few. Of two edits that overlap the first
/// stays.
fn spliced(message: &Bytes, mut edits: Vec<(Range<usize>, Bytes)>) -> VecDeque<Bytes> {
    edits.sort_by_key(|(span, _)| (span.start, span.end));
    let mut at = 0;
    edits.retain(|(span, _)| {
        let apart = span.start >= at;
        at = if apart { span.end } else { at };
        apart
    });
    if message.len() <= SHORT {
        return VecDeque::from([copied(message, &edits)]);
    }
    let mut parts = VecDeque::with_capacity(2 * edits.len() + 1);
    let mut at = 0;
    for (span, with) in edits {
        parts.push_back(message.slice(at..span.start));
        parts.push_back(with);
        at = span.end;
    }
    parts.push_back(message.slice(at..));
    parts
}

/// The same in one piece, of edits that are in order and apart.
fn copied(message: &Bytes, edits: &[(Range<usize>, Bytes)]) -> Bytes {
    let (gone, added) =
        edits.iter().fold((0, 0), |(gone, added), (span, with)| (gone + span.len(), added + with.len()));
    let mut whole = Vec::with_capacity(message.len() - gone + added);
    let mut at = 0;
    for (span, with) in edits {
        whole.extend_from_slice(&message[at..span.start]);
        whole.extend_from_slice(with);
        at = span.end;
    }
    whole.extend_from_slice(&message[at..]);
    whole.into()
}

/// A message as the bytes it is.
pub(crate) fn joined(parts: &VecDeque<Bytes>) -> Vec<u8> {
    parts.iter().flat_map(|part| part.iter().copied()).collect()
}

/// The response that `message` is, towards this gateway. Nothing if it is none.
pub(crate) fn as_reply(status: StatusCode, message: &Bytes, depth: usize) -> Option<Reply> {
    let parsed = Message::parse(message, depth).ok()?;
    let (id, result, error) = (parsed.id_span()?, parsed.result_span(), parsed.error_span());
    Some(Reply { status, message: message.clone(), id, result, error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_the_same_whether_it_is_copied_or_sent_in_parts() {
        for length in [0, SHORT, 3 * SHORT] {
            let message = Bytes::from(format!("{{\"id\":7,\"x\":\"{}\"}}", "y".repeat(length)));
            let edits = vec![
                (8..11, "\"other\"".into()),
                (6..7, "\"an id\"".into()),
                (9..10, "lost".into()),
                (1..1, "".into()),
            ];
            let expected = format!("{{\"id\":\"an id\",\"other\":\"{}\"}}", "y".repeat(length));
            assert_eq!(joined(&spliced(&message, edits)), expected.as_bytes());
        }
    }
}
