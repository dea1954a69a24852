//! One tool's declaration. Must never know other tools.

use serde_json::Value;

use super::{
    Detail, Shape,
    read::{Bounds, Reader},
    types::{Layout, Member, Type, Writer},
};
use crate::text;

/// The longest first sentence, in characters.
const SENTENCE: usize = 120;
/// The longest description, in characters.
const DESCRIPTION: usize = 2_000;

/// What is tried, one after the other, until the text is short enough: how deep it goes, and the longest doc of a parameter.
const SIGNATURE_STEPS: [(usize, usize); 4] = [(5, 0), (3, 0), (2, 0), (1, 0)];
const FULL_STEPS: [(usize, usize); 7] = [(8, 240), (8, 120), (8, 60), (8, 0), (4, 0), (2, 0), (1, 0)];
const OUTPUT_STEPS: [(usize, usize); 3] = [(4, 0), (2, 0), (1, 0)];

/// A tool as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// Types that have names: name and text, each on one line or several.
    pub types: Vec<(String, String)>,
    /// The signature, and the description with it.
    pub function: String,
}

/// The most bytes of a declaration.
struct Limits {
    input: usize,
    output: usize,
}

const SIGNATURE: Limits = Limits { input: 800, output: 240 };
const FULL: Limits = Limits { input: 6_000, output: 2_000 };

/// Declares `tool` (the JSON an upstream lists) under `identifier`. `observed` is what its results looked like, for a tool that does not say
/// what it gives. Types with names get `prefix` before them.
#[must_use]
pub fn declare(tool: &Value, identifier: &str, observed: Option<&Shape>, detail: Detail, prefix: &str) -> Declaration {
    if detail == Detail::Names {
        return Declaration { types: Vec::new(), function: identifier.to_owned() };
    }
    let limits = if detail == Detail::Full { FULL } else { SIGNATURE };
    let steps: &[(usize, usize)] = if detail == Detail::Full { &FULL_STEPS } else { &SIGNATURE_STEPS };
    let nothing = Value::Object(serde_json::Map::new());
    let input = shortest(tool.get("inputSchema").unwrap_or(&nothing), detail, steps, limits.input, prefix);
    let mut types = input.types;
    let output = output(tool, observed, detail, limits.output, prefix);
    types.extend(output.types);
    let takes = match input.root {
        Root::Nothing => String::new(),
        Root::Optional => format!("a?: {}", input.text),
        Root::Required => format!("a: {}", input.text),
    };
    let described = tool.get("description").and_then(Value::as_str).unwrap_or_default();
    let signature = format!("{identifier}({takes}): {}", output.text);
    let function = match detail {
        Detail::Full => match text::line(described, DESCRIPTION) {
            doc if doc.is_empty() => signature,
            doc => format!("/** {doc} */\n{signature}"),
        },
        Detail::Names | Detail::Signature => match sentence(tool, described) {
            doc if doc.is_empty() => signature,
            doc => format!("{signature} // {doc}"),
        },
    };
    Declaration { types, function }
}

/// The first sentence of the description, or else the title.
pub(crate) fn sentence(tool: &Value, described: &str) -> String {
    let sentence = text::first_sentence(described, SENTENCE);
    if !sentence.is_empty() {
        return sentence;
    }
    text::line(tool.get("title").and_then(Value::as_str).unwrap_or_default(), SENTENCE)
}

/// A schema as text.
struct Written {
    types: Vec<(String, String)>,
    text: String,
    root: Root,
}

/// Whether a tool takes its argument.
enum Root {
    Nothing,
    Optional,
    Required,
}

impl Root {
    fn of(one: &Type) -> Self {
        match one {
            one if one.is_open_object() => Self::Nothing,
            Type::Any => Self::Optional,
            Type::Object(object) if object.members.iter().all(|member| member.optional) => Self::Optional,
            _ => Self::Required,
        }
    }
}

fn output(tool: &Value, observed: Option<&Shape>, detail: Detail, max: usize, prefix: &str) -> Written {
    if let Some(schema) = tool.get("outputSchema") {
        let prefix = format!("{prefix}Out");
        let steps = if detail == Detail::Full { &FULL_STEPS[2..] } else { &OUTPUT_STEPS[..] };
        return shortest(schema, detail, steps, max, &prefix);
    }
    let text = match observed {
        Some(shape) => format!("/*seen*/{}", shape.text(max)),
        None => "any".to_owned(),
    };
    Written { types: Vec::new(), text, root: Root::Required }
}

/// `schema` as text of at most `max` bytes: the first of `steps` that is short enough, or else only what is required.
fn shortest(schema: &Value, detail: Detail, steps: &[(usize, usize)], max: usize, prefix: &str) -> Written {
    for (depth, doc) in steps {
        let bounds = Bounds { doc: *doc, ..Bounds::of(detail, *depth) };
        if let Some(written) = attempt(schema, bounds, max, prefix) {
            return written;
        }
    }
    required_only(schema, Bounds::of(Detail::Signature, 1), max)
}

fn attempt(schema: &Value, bounds: Bounds, max: usize, prefix: &str) -> Option<Written> {
    let mut reader = Reader::new(schema, bounds, prefix);
    let root = reader.read_root();
    let layout = if bounds.doc > 0 { Layout::Lines } else { Layout::Line };
    let mut left = max;
    let mut write = |one: &Type| {
        let mut writer = Writer::new(layout, left);
        writer.write(one);
        let complete = writer.is_complete();
        left = left.saturating_sub(writer.out.len());
        complete.then_some(writer.out)
    };
    let text = write(&root)?;
    let named: Option<Vec<_>> = reader.named.iter().map(|(name, one)| Some((name.clone(), write(one)?))).collect();
    Some(Written { types: named?, text, root: Root::of(&root) })
}

/// The members that a call can't do without, and how many there are besides.
fn required_only(schema: &Value, bounds: Bounds, max: usize) -> Written {
    let mut reader = Reader::new(schema, bounds, "");
    let (mut root, mut dropped) = (reader.read_root(), 0);
    if let Type::Object(object) = &mut root {
        let all = object.members.len();
        let mut size = 0;
        object.members.retain(|member| {
            size += short(member);
            !member.optional && size < max
        });
        dropped = all - object.members.len();
    }
    let mut writer = Writer::new(Layout::Line, max);
    writer.write(&root);
    let kept = writer.is_complete() && reader.named.is_empty();
    let text = if kept { writer.out } else { "object".to_owned() };
    let more = if kept && dropped > 0 { format!("+{dropped} more") } else { text::ELLIPSIS.to_string() };
    Written { types: Vec::new(), text: format!("{text}/*{more}*/"), root: Root::Required }
}

/// About how long a member is in its shortest form.
fn short(member: &Member) -> usize {
    member.name.len() + 16
}
