//! The wire crate's share of a request: a call parsed, routed and spliced; a list of 700 tools filtered and spliced.

use std::{fmt::Write, hint::black_box};

use toolgate_wire::{
    Bounds, Classified, Headers, Message, Span, classify, list,
    splice::{self, Edit},
    sse,
};

const BOUNDS: Bounds = Bounds { depth: 64, batch: 32 };
const TOOLS: usize = 700;
const SERVERS: [&str; 7] = ["github", "jira", "slack", "postgres", "filesystem", "sentry", "calendar"];

/// Something to measure.
pub struct Case {
    /// What it is called.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// How many bytes it reads.
    pub bytes: usize,
    work: Box<dyn Fn() -> usize>,
}

impl Case {
    pub(crate) fn new(
        name: &'static str,
        about: &'static str,
        bytes: usize,
        work: impl Fn() -> usize + 'static,
    ) -> Self {
        Self { name, about, bytes, work: Box::new(work) }
    }

    /// Does the work once.
    pub fn run(&self) {
        black_box((self.work)());
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The cases of the wire crate alone.
pub(crate) fn cases() -> Vec<Case> {
    let call = tools_call();
    let legacy = legacy_call();
    let answer = tools_list();
    let event = sse::encode(answer.as_bytes());
    let stored = Stored::read(&answer);
    let (page, stored_len, copied) = (answer.clone(), answer.len(), answer.clone());
    vec![
        Case::new("call", "tools/call, modern: parse, classify, route, splice the name", call.len(), move || {
            route(&MODERN, &call)
        }),
        Case::new("call_legacy", "tools/call, legacy: the same", legacy.len(), move || route(&LEGACY, &legacy)),
        Case::new("list_read", "an upstream's 700 tools: validate, find every tool", page.len(), move || {
            let message = Message::parse(page.as_bytes(), BOUNDS.depth).ok();
            message.and_then(|message| list::tools(message.result()?).ok()).map_or(0, |page| page.items.len())
        }),
        Case::new(
            "list_cold",
            "the same, and the list written from every second tool, renamed",
            answer.len(),
            move || Stored::read(&answer).write(2).len(),
        ),
        Case::new("list_all", "the list written from all stored tools, renamed", stored_len, {
            let stored = stored.clone();
            move || stored.write(1).len()
        }),
        Case::new("list_filtered", "the list written from every second stored tool, renamed", stored_len, move || {
            stored.write(2).len()
        }),
        Case::new("list_copy", "for comparison: as many bytes only copied", copied.len(), move || {
            black_box(black_box(copied.as_str()).to_owned()).len()
        }),
        Case::new("sse", "an event of that size in pieces of 16 KiB", event.len(), move || {
            let mut decoder = sse::Decoder::new(16 << 20);
            event.chunks(16 << 10).filter(|piece| decoder.push(piece).is_ok()).count() + decoder.count()
        }),
    ]
}

const MODERN: Headers<'_> = Headers {
    protocol_version: Some("2026-07-28"),
    method: Some("tools/call"),
    name: Some("github__create_pull_request"),
    session: None,
};
const LEGACY: Headers<'_> =
    Headers { protocol_version: Some("2025-11-25"), method: None, name: None, session: Some("token") };

/// What a gateway does with a call between reading the body and sending it on.
fn route(headers: &Headers<'_>, body: &str) -> usize {
    let (message, target) = match classify(black_box(headers), black_box(body).as_bytes(), BOUNDS) {
        Ok(Classified::Modern(request)) => (request.message, request.target),
        Ok(Classified::Legacy { message, .. }) => {
            let target = toolgate_wire::Target::of(&message, "name");
            (message, target)
        }
        _ => return 0,
    };
    let Some(target) = target else { return 0 };
    let Some((_server, tool)) = target.name.split_once("__") else { return 0 };
    Edit::new(message.text()).replace(target.span, splice::quote(tool)).finish().len()
}

/// A catalogue as a gateway keeps it: the text, and where each tool and its name stand.
#[derive(Clone)]
struct Stored {
    text: String,
    tools: Vec<(Span, Span, String)>,
}

impl Stored {
    fn read(answer: &str) -> Self {
        let message = Message::parse(black_box(answer).as_bytes(), BOUNDS.depth).ok();
        let result = message.as_ref().and_then(Message::result).unwrap_or_default();
        let items = list::tools(result).map(|page| page.items).unwrap_or_default();
        let tools = items.into_iter().enumerate().filter_map(|(at, item)| {
            let (name, span) = list::named(&result[item.clone()], "name")?;
            let server = SERVERS[at % SERVERS.len()];
            Some((item.clone(), item.start + span.start..item.start + span.end, format!("\"{server}__{name}\"")))
        });
        Self { tools: tools.collect(), text: result.to_owned() }
    }

    fn write(&self, every: usize) -> String {
        let mut writer = list::Writer::new(r#"{"resultType":"complete","tools":"#, self.text.len() / every + 32 * 1024);
        for (item, name, renamed) in black_box(&self.tools).iter().step_by(every) {
            writer.push(&[&self.text[item.start..name.start], renamed, &self.text[name.end..item.end]]);
        }
        writer.finish(r#","ttlMs":60000,"cacheScope":"private"}"#)
    }
}

fn tools_call() -> String {
    let meta = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"},"io.modelcontextprotocol/clientCapabilities":{"elicitation":{"form":{},"url":{}}},"progressToken":"p-17"}"#;
    call(&format!(r#","_meta":{meta}"#))
}

fn legacy_call() -> String {
    call("")
}

fn call(meta: &str) -> String {
    let arguments = r#"{"owner":"example","repo":"toolgate","title":"Splice, don't parse","head":"feature/splice","base":"main","body":"First line.\nSecond line with a \"quote\".","draft":false,"labels":["wire","speed"],"reviewers":[{"login":"a","weight":1.0},{"login":"b","weight":2.5e0}]}"#;
    format!(
        r#"{{"jsonrpc":"2.0","id":42,"method":"tools/call","params":{{"name":"github__create_pull_request","arguments":{arguments}{meta}}}}}"#
    )
}

/// An answer with 700 tools as servers describe them, about 925 KB.
pub(crate) fn tools_list() -> String {
    let mut words = Words(0x9e37_79b9_7f4a_7c15);
    let mut out = String::from(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":["#);
    for at in 0..TOOLS {
        out.push_str(if at > 0 { "," } else { "" });
        tool(&mut out, &mut words, at);
    }
    out.push_str(r#"],"ttlMs":60000,"cacheScope":"public","resultType":"complete"}}"#);
    out
}

fn tool(out: &mut String, words: &mut Words, at: usize) {
    let (verb, noun) = (words.next(), words.next());
    let about = words.sentence(32);
    let _ = write!(
        out,
        r#"{{"name":"{verb}_{noun}_{at}","title":"{verb} {noun}","description":"{about}\n\nReturns \"{noun}\" as JSON.","inputSchema":{{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{{"#
    );
    for property in 0..5 {
        let (name, about) = (words.next(), words.sentence(10));
        let comma = if property > 0 { "," } else { "" };
        let _ = match property % 3 {
            0 => write!(out, r#"{comma}"{name}_{property}":{{"type":"string","description":"{about}"}}"#),
            1 => write!(
                out,
                r#"{comma}"{name}_{property}":{{"type":"integer","minimum":1,"maximum":100,"default":30,"description":"{about}"}}"#
            ),
            _ => write!(
                out,
                r#"{comma}"{name}_{property}":{{"type":"array","items":{{"type":"string","enum":["open","closed","all"]}},"description":"{about}"}}"#
            ),
        };
    }
    let _ = write!(
        out,
        r#"}},"required":["{noun}_0"],"additionalProperties":false}},"annotations":{{"readOnlyHint":{},"openWorldHint":true}},"_meta":{{"vendor":{{"tags":["{verb}","{noun}"],"weight":1.0}}}}}}"#,
        at.is_multiple_of(2)
    );
}

/// Words without end, the same ones every time.
struct Words(u64);

impl Words {
    fn next(&mut self) -> &'static str {
        const WORDS: [&str; 24] = [
            "list",
            "create",
            "update",
            "delete",
            "issue",
            "repository",
            "comment",
            "branch",
            "the",
            "of",
            "a",
            "search",
            "query",
            "returns",
            "page",
            "filter",
            "user",
            "organization",
            "status",
            "with",
            "by",
            "identifier",
            "timestamp",
            "configuration",
        ];
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        WORDS[(self.0 % WORDS.len() as u64) as usize]
    }

    fn sentence(&mut self, words: usize) -> String {
        (0..words).map(|_| self.next()).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_does_its_work() {
        for case in cases() {
            assert!((case.work)() > 0, "{}", case.name);
        }
        assert_eq!(Stored::read(&tools_list()).tools.len(), TOOLS);
    }

    #[test]
    fn a_written_list_holds_the_tools_it_should() {
        let written = Stored::read(&tools_list()).write(2);
        assert_eq!(list::tools(&written).map(|page| page.items.len()), Ok(TOOLS / 2));
    }

    #[test]
    fn the_list_is_as_long_as_a_real_one() {
        let len = tools_list().len();
        assert!((900_000..950_000).contains(&len), "{len}");
    }
}
